// A parameter of a query: its description in the API document and how it is read, in one value.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// A query parameter.
struct Parameter<Value>: Described, Sendable {
    let property: Property
    /// Reads the parameter; `nil` when it is absent.
    let read: @Sendable (Query) throws(HTTPProblem) -> Value?

    init(
        _ name: String, _ schema: Schema, _ about: String, required: Bool = false, default standard: JSONValue? = nil,
        example: JSONValue? = nil, read: @escaping @Sendable (Query) throws(HTTPProblem) -> Value?
    ) {
        property = Property(
            name: name, schema: schema, about: about, isRequired: required, standard: standard, example: example)
        self.read = read
    }
}

/// A query parameter whose bounds are settings of the server.
struct LimitedParameter<Value>: Described, Sendable {
    let property: Property
    /// Reads the parameter; `nil` when it is absent.
    let read: @Sendable (Query, ServerSettings) throws(HTTPProblem) -> Value?
}

extension Query {
    /// The value of a parameter; `nil` when it is absent.
    func read<Value>(_ parameter: Parameter<Value>) throws(HTTPProblem) -> Value? { try parameter.read(self) }

    /// The same for a parameter whose bounds are settings.
    func read<Value>(
        _ parameter: LimitedParameter<Value>, _ settings: ServerSettings
    ) throws(HTTPProblem) -> Value? {
        try parameter.read(self, settings)
    }

    /// Where a page begins; `nil` on the first one.
    ///
    /// - Throws: 422 for a text that no page gave.
    func cursor<Cursor: LosslessStringConvertible>(_: Cursor.Type) throws(HTTPProblem) -> Cursor? {
        guard let text = try read(CommonParameter.cursor) else { return nil }
        guard let cursor = Cursor(text) else { throw .unknownCursor }
        return cursor
    }
}

extension JSONOutput {
    /// Where the next page begins; `null` on the last one.
    static func cursor(_ next: (some LosslessStringConvertible)?) -> JSONOutput {
        next.map { .string($0.description) } ?? .null
    }
}

extension Parameter where Value == Date {
    static func time(_ name: String, _ about: String) -> Parameter {
        Parameter(name, .time, about) { query throws(HTTPProblem) in
            guard let text = query[name] else { return nil }
            guard let date = Date(rfc3339: text) else { throw .invalid("?\(name)", timeRule) }
            return date
        }
    }
}

/// The rule for a time, phrased to follow a field's name.
let timeRule = "must be a time like 2026-01-31T12:00:00Z"

extension Parameter where Value == Int {
    static func integer(
        _ name: String, in range: ClosedRange<Int>, _ about: String, default standard: Int
    ) -> Parameter {
        Parameter(name, .integer(range), about, default: .integer(standard)) { query throws(HTTPProblem) in
            try query.integer(name, in: range)
        }
    }

    static func integer(_ name: String, in range: ClosedRange<Int>, _ about: String) -> Parameter {
        Parameter(name, .integer(range), about) { query throws(HTTPProblem) in try query.integer(name, in: range) }
    }
}

extension Parameter where Value == Bool {
    static func flag(_ name: String, _ about: String, default standard: Bool? = nil) -> Parameter {
        Parameter(name, .flag, about, default: standard.map { .bool($0) }) { query throws(HTTPProblem) in
            try query.flag(name)
        }
    }
}

extension Parameter where Value == String {
    /// Any text; an empty one counts as absent.
    static func text(
        _ name: String, _ about: String, schema: Schema = .text, required: Bool = false
    ) -> Parameter {
        Parameter(name, schema, about, required: required) { query throws(HTTPProblem) in
            query[name].flatMap { $0.isEmpty ? nil : $0 }
        }
    }
}

/// The parameters that several routes have.
enum CommonParameter {
    /// The queue of the jobs.
    static let queue = Parameter<QueueName>(
        "queue", .queueName, "The queue of the job. Without it all queues are searched."
    ) { query throws(HTTPProblem) in
        guard let text = query["queue"] else { return nil }
        guard let name = QueueName(text) else { throw .invalid("?queue", QueueName.rule) }
        return name
    }
    /// The size of a page.
    static let limit = Parameter.integer("limit", in: 1...200, "The most entries of the page.", default: 50)
    /// The place of a page.
    static let cursor = Parameter.text("cursor", "`next_cursor` of the previous page; it is opaque.")
}
