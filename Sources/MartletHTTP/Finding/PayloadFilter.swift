// Conditions on values in payloads: `payload.<path>=value` in a query.

import MartletJSON
import MartletQueue

/// How values in payloads are named.
enum PayloadFilter {
    static let name = "payload"

    /// How values are compared.
    static let rule = """
        Numbers, `true`, `false` and `null` are compared with what they are, other values as texts; a list has the value \
        of each of its elements.
        """

    private static let path = """
        a path has up to \(PayloadCondition.mostNames) names of members or positions of elements with dots between them
        """

    /// The parameters of a query: an object in the form style, each member of which is a parameter of its own.
    static let parameter = Property(
        name: name,
        schema: .keywords([
            "type": "object", "additionalProperties": false,
            "maxProperties": .integer(PayloadCondition.most),
            "patternProperties": .fields([
                #"^payload\.[^.]+(\.[^.]+)*$"#: .fields([
                    "type": "string", "maxLength": .integer(PayloadCondition.longest),
                ])
            ]),
        ]),
        about: """
            Only jobs whose payloads have these values: `payload.customer.id=4711`, at most \(PayloadCondition.most) of \
            them. \(rule)
            """)

    /// Adds the conditions to a filter; answers the faults, with their places.
    static func add(
        _ members: [(path: String, value: String)], to filter: inout JobFilter, at place: (_ path: String) -> String
    ) -> [FieldError] {
        guard members.count <= PayloadCondition.most else {
            let detail = "is one of more than \(PayloadCondition.most) values in the payload"
            return [FieldError(pointer: place(members[PayloadCondition.most].path), detail: detail)]
        }
        var errors: [FieldError] = []
        for (path, value) in members {
            guard let condition = PayloadCondition(path, equals: value) else {
                let detail = "must be a path and a value of at most \(PayloadCondition.longest) bytes each; \(path)"
                errors.append(FieldError(pointer: place(String(path.prefix(64))), detail: detail))
                continue
            }
            filter.payload.append(condition)
        }
        return errors
    }
}
