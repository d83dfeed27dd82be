// A filter in a body: the conditions of a list as members of an object.

import MartletJSON
import MartletJobs
import MartletQueue

/// The members of `filter`.
enum FilterField {
    static let queue = Field<QueueName>("queue", .queueName, "The queue; all queues without it.") { fields in
        guard let text = fields.text("queue", length: 1...QueueName.longest) else { return nil }
        let name = QueueName(text)
        if name == nil { fields.refuse("queue", QueueName.rule) }
        return name
    }
    private static let scalar = Schema.keywords([
        "type": .array(["string", "number", "boolean", "null"]), "maxLength": .integer(PayloadCondition.longest),
    ])
    private static let payload = Property(
        name: PayloadFilter.name, schema: .map(scalar),
        about: "Values in the payload by their paths, as in `{\"customer.id\": 4711}`; at most "
            + "\(PayloadCondition.most) of them. \(PayloadFilter.rule)",
        isNullable: true)

    static let shape = ObjectShape(
        body: "JobFilter", "Conditions that a job must match; at least one.",
        ([queue] as [any Described]) + FilterCondition.all + [payload], rules: ["minProperties": 1])

    /// Reads the conditions; errors are recorded in `fields`.
    static func read(_ fields: inout Fields) -> (queue: QueueName?, filter: JobFilter) {
        var filter = JobFilter()
        let name = fields.read(queue)
        for condition in FilterCondition.all {
            guard let text = fields.text(condition.property.name, length: 0...1024),
                let fault = condition.add(text, &filter)
            else { continue }
            fields.refuse(condition.property.name, fault)
        }
        if let values = fields.value(PayloadFilter.name) { read(values, &filter, &fields) }
        return (name, filter)
    }

    private static func read(_ values: JSONText, _ filter: inout JobFilter, _ fields: inout Fields) {
        let name = PayloadFilter.name
        guard let members = values.members(atMost: PayloadCondition.most + 1) else {
            return fields.refuse(name, "must be an object, not \(values.kind.spoken)")
        }
        var pairs: [(path: String, value: String)] = []
        for (path, value) in members {
            switch value.kind {
            case .string: pairs.append((path, value.string ?? ""))
            case .number, .bool, .null: pairs.append((path, String(decoding: value.bytes, as: UTF8.self)))
            case .object, .array: fields.refuse(name, "must have only texts, numbers, true, false and null")
            }
        }
        let place = fields.path(name)
        fields.refuse(PayloadFilter.add(pairs, to: &filter) { "\(place)/\($0)" })
    }
}

/// The fields of an action on a filter.
enum FilterActionField {
    static let filter = Field<(queue: QueueName?, filter: JobFilter)>(
        "filter", .object(FilterField.shape), "All jobs that match are meant; not together with `ids`."
    ) { fields in
        guard var members = fields.object("filter", FilterField.shape) else { return nil }
        let found = FilterField.read(&members)
        let errors = members.close()
        fields.refuse(errors)
        guard errors.isEmpty else { return nil }
        if found.queue == nil, found.filter == JobFilter() {
            fields.refuse("filter", "must have at least one condition")
        }
        return found
    }
    static let expectedCount = Field.integer(
        "expected_count", in: 0...1_000_000_000, "How many jobs the caller believes to match `filter`.")
    static let tolerance = Field.integer(
        "tolerance", in: 0...1_000_000_000, "How far the number may differ from `expected_count`.", default: 0)
    static let cursor = Field.text(
        "cursor", length: 1...1024, "`next_cursor` of the last answer to the same action on the same `filter`.")

    /// Refuses the fields that need a filter.
    static func refuseAll(in fields: inout Fields) {
        for name in [expectedCount.property.name, tolerance.property.name, cursor.property.name]
        where fields.has(name) { fields.refuse(name, "needs a filter") }
        // As `null` they count as absent.
        for property in [filter.property, expectedCount.property, tolerance.property, cursor.property] {
            _ = fields.anyValue(property.name)
        }
    }
}
