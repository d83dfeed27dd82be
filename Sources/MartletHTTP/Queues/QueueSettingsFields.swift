// The settings of a queue in the body of PUT /api/v1/queues/{queue}.

import MartletJobs
import MartletQueue

/// The fields of a queue's settings; `null` takes one back to its default.
enum QueueSettingsField {
    static let concurrency = Field<Int>(
        "concurrency", .integer(0...1_000_000),
        "How many jobs may run at one time; 0 is without limit. The queue `downloads` takes 1 to 10."
    ) { $0.integer("concurrency", in: 0...1_000_000) }
    static let lease = Field.seconds(
        "lease_seconds", in: QueueSettingsChange.leaseSeconds, "How long a worker holds a job without a heartbeat.")
    static let ageing = Field.seconds(
        "ageing_seconds", in: 0...4_398_046_511,
        "The waiting time that is worth one level of priority; 0 makes priorities strict.")
    static let durability = Field<Durability>.word("durability", "What every push waits for at least.")
    static let retention = Field<RetentionChange>(
        "retention", .object(RetentionChange.shape), "How long finished jobs are kept."
    ) { fields in
        guard var retention = fields.object("retention", RetentionChange.shape) else { return nil }
        let change = RetentionChange(&retention)
        fields.refuse(retention.close())
        return change
    }

    static let shape = ObjectShape(
        body: "QueueSettingsChange", "The settings to change.", [concurrency, lease, ageing, durability, retention])
}

/// The retentions to change, by final state.
struct RetentionChange: Sendable {
    private(set) var values: [QueueSetting: Retention] = [:]
    private(set) var defaults: Set<QueueSetting> = []

    static let age = Field.seconds(
        "age_seconds", in: 0...NewJob.Limit.delaySeconds, "How long a job is kept after its end.",
        default: Retention.standard.age.inSeconds)
    static let count = Field.integer(
        "count", in: 0...1_000_000_000, "How many jobs are kept.", default: Retention.standard.count)
    private static let kinds: [(setting: QueueSetting, field: Field<Retention>)] = [
        (.completed, field("completed")), (.failed, field("failed")), (.cancelled, field("cancelled")),
    ]

    private static let retentionShape = ObjectShape(
        body: "RetentionSetting", "A retention; a field that is left out takes its default.", [age, count])
    static let shape = ObjectShape(
        body: "RetentionSettings", "The retention of each final state.", kinds.map(\.field))

    init(_ fields: inout Fields) {
        for (setting, field) in Self.kinds {
            values[setting] = fields.read(field)
            if fields.isNull(field) { defaults.insert(setting) }
        }
    }

    private static func field(_ state: String) -> Field<Retention> {
        Field(state, .object(retentionShape), "Of jobs that are \(state).") { fields in
            guard var retention = fields.object(state, retentionShape) else { return nil }
            let (age, count) = (retention.read(age), retention.read(count))
            fields.refuse(retention.close())
            return Retention(age: age ?? Retention.standard.age, count: count ?? Retention.standard.count)
        }
    }
}

extension QueueSettingsChange {
    /// The seconds that a lease may last.
    static let leaseSeconds = 5.0...900.0

    /// Reads the given fields and records errors.
    ///
    /// An absent field changes nothing, `null` resets its setting to the default.
    init(_ fields: inout Fields, _ queue: QueueName, _ settings: ServerSettings) {
        self.init()
        limit = fields.read(QueueSettingsField.concurrency)
        let range = settings.concurrencyRange
        if queue == .downloads, let limit, !range.contains(limit) {
            fields.refuse(
                QueueSettingsField.concurrency,
                "must be a whole number from \(range.lowerBound) to \(range.upperBound), not \(limit)")
        }
        lease = fields.read(QueueSettingsField.lease)
        if let ageing = fields.read(QueueSettingsField.ageing) {
            step = ageing == .zero ? QueueSettings.strictStep : ageing
        }
        durability = fields.read(QueueSettingsField.durability)
        // Downloads always have a limit; the default is the server's.
        if fields.isNull(QueueSettingsField.concurrency), queue == .downloads { limit = settings.defaultConcurrency }
        for (name, setting) in Self.nullable where limit == nil || setting != .limit {
            if fields.isNull(name) { defaults.insert(setting) }
        }
        readRetention(&fields)
    }

    private static let nullable: [(String, QueueSetting)] = [
        ("concurrency", .limit), ("lease_seconds", .lease), ("ageing_seconds", .step), ("durability", .durability),
    ]

    private mutating func readRetention(_ fields: inout Fields) {
        if fields.isNull(QueueSettingsField.retention) { defaults.formUnion([.completed, .failed, .cancelled]) }
        guard let change = fields.read(QueueSettingsField.retention) else { return }
        completed = change.values[.completed]
        failed = change.values[.failed]
        cancelled = change.values[.cancelled]
        defaults.formUnion(change.defaults)
    }
}
