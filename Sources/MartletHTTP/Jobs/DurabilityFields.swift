// Durability in requests and responses.

import MartletJSON
import MartletQueue

/// The durability that a push asks for.
enum DurabilityField {
    static let durability = Field.word(
        "durability", "What the answer waits for; never less than the level of the queue.",
        default: Durability.memory)
    static let parameter = Parameter<Durability>(
        "durability", .words(Durability.self), "What the answer waits for, where the body does not say it."
    ) { query throws(HTTPProblem) in
        guard let word = query["durability"] else { return nil }
        guard let durability = Durability(rawValue: word) else {
            throw .invalid(
                "?durability", "must be one of " + Durability.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return durability
    }
}

extension Fields {
    /// The level requested in a body.
    mutating func durability() -> Durability? { read(DurabilityField.durability) }
}

extension Query {
    /// The level requested in a query.
    func durability() throws(HTTPProblem) -> Durability? { try read(DurabilityField.parameter) }
}

extension Confirmation {
    /// The durability members of a response; none when neither the push nor the queue requested anything.
    func members(asked: Durability?) -> [(key: String, value: JSONOutput)] {
        if asked == nil, self == .confirmed(.memory) { return [] }
        return [("durability", .string(description))] + (reason.map { [("durability_detail", .string($0))] } ?? [])
    }

    /// The description of ``members(asked:)``.
    static let properties: [Property] = [
        .maybe(
            "durability", .words(Durability.allCases.map(\.rawValue) + ["unconfirmed"]),
            "What was confirmed, where the push or the queue asks for it."),
        .maybe("durability_detail", .text, "Why it is unconfirmed."),
    ]
}
