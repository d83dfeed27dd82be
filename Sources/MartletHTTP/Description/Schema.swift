// What a JSON value of the API may be, as JSON Schema 2020-12.

import MartletJSON
import MartletJobs
import MartletQueue

/// The schema of a JSON value.
indirect enum Schema: Sendable {
    /// A schema of these keywords.
    case keywords(JSONObject)
    /// An array; the keywords hold its bounds.
    case list(Schema, JSONObject = [:])
    /// An object, which the document has once, under its name.
    case object(ObjectShape)
    /// An object with any names and values of this schema.
    case map(Schema)
    /// A value of this schema, or `null`.
    case nullable(Schema)
    /// A value of at least one of these schemas.
    case anyOf([Schema])
    /// A schema whose bounds are settings of the server.
    case limited(@Sendable (ServerSettings) -> Schema)
}

extension Schema {
    /// Any JSON value, `null` too.
    static let any = Schema.keywords([:])
    static let flag = Schema.keywords(["type": "boolean"])
    static let text = Schema.keywords(["type": "string"])
    static let integer = Schema.keywords(["type": "integer"])
    static let number = Schema.keywords(["type": "number"])
    /// A number of things.
    static let count = Schema.keywords(["type": "integer", "minimum": 0])
    /// A duration in seconds.
    static let seconds = Schema.keywords(["type": "number", "minimum": 0])
    /// A time in RFC 3339.
    static let time = Schema.keywords(["type": "string", "format": "date-time"])
    static let uri = Schema.keywords(["type": "string", "format": "uri-reference"])
    /// Any object, whose members belong to the caller.
    static let anyObject = Schema.keywords(["type": "object"])
    static let queueName = Schema.keywords(["type": "string", "pattern": .string(QueueName.pattern)])

    /// The name of a queue that takes jobs of any type.
    static let otherQueueName = Schema.keywords([
        "type": "string", "pattern": .string(QueueName.pattern),
        "not": .fields(["const": .string(QueueName.downloads.description)]),
    ])

    /// The id of a job that a client may choose.
    static let jobID = Schema.keywords([
        "type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$",
        "not": .fields([
            "anyOf": .array([
                .fields(["pattern": "^[.]+$"]),
                .fields(["enum": .array(JobID.reserved.sorted().map { .string($0) })]),
            ])
        ]),
    ])

    /// The id of a worker over HTTP.
    static let workerID = Schema.keywords([
        "type": "string", "pattern": .string("^[A-Za-z0-9._:-]{1,\(WorkerCard.longestID)}$"),
    ])

    static func integer(_ range: ClosedRange<Int>) -> Schema {
        .keywords([
            "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
        ])
    }

    static func number(_ range: ClosedRange<Double>) -> Schema {
        .keywords(["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)])
    }

    /// A text without control characters; its length is in bytes, and no character has less than one.
    static func text(_ length: ClosedRange<Int>, pattern: String = #"^[^\x00-\x1F\x7F]*$"#) -> Schema {
        .keywords([
            "type": "string", "minLength": .integer(length.lowerBound), "maxLength": .integer(length.upperBound),
            "pattern": .string(pattern),
        ])
    }

    /// A text that is shown in lists and terminals.
    static func label(_ limit: Int) -> Schema {
        .text(1...limit, pattern: #"^[^\x00-\x1F\x7F-\x9F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]*$"#)
    }

    /// One of these words.
    static func words(_ words: [String]) -> Schema {
        .keywords(["type": "string", "enum": .array(words.map { .string($0) })])
    }

    /// One of the words of a type.
    static func words<Words: RawRepresentable<String> & CaseIterable>(_: Words.Type) -> Schema {
        .words(Words.allCases.map(\.rawValue))
    }

    /// An array with at most as many elements as a batch may have.
    static func batch(of items: Schema) -> Schema {
        .limited { .list(items, ["minItems": 1, "maxItems": .integer($0.batchLimit)]) }
    }

    /// An array of the objects of a shape.
    static func list(_ shape: ObjectShape) -> Schema { .list(.object(shape)) }
}
