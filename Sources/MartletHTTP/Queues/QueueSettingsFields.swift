// The settings of a queue in the body of PUT /api/v1/queues/{queue}.

import MartletJobs
import MartletQueue

extension QueueSettingsChange {
    /// Reads the given fields and records errors.
    ///
    /// An absent field changes nothing, `null` resets its setting to the default.
    init(_ fields: inout Fields, _ queue: QueueName, _ settings: ServerSettings) {
        self.init()
        limit = fields.integer("concurrency", in: queue == .downloads ? settings.concurrencyRange : 0...1_000_000)
        lease = fields.seconds("lease_seconds", in: 5...900)
        if let ageing = fields.seconds("ageing_seconds", in: 0...4_398_046_511) {
            step = ageing == .zero ? QueueSettings.strictStep : ageing
        }
        durability = fields.durability()
        // Downloads always have a limit; the default is the server's.
        if fields.isNull("concurrency"), queue == .downloads { limit = settings.defaultConcurrency }
        for (name, setting) in Self.nullable where limit == nil || setting != .limit {
            if fields.isNull(name) { defaults.insert(setting) }
        }
        readRetention(&fields)
    }

    private static let nullable: [(String, QueueSetting)] = [
        ("concurrency", .limit), ("lease_seconds", .lease), ("ageing_seconds", .step), ("durability", .durability),
    ]

    private mutating func readRetention(_ fields: inout Fields) {
        if fields.isNull("retention") { defaults.formUnion([.completed, .failed, .cancelled]) }
        guard var retention = fields.object("retention") else { return }
        completed = Self.retention("completed", &retention)
        failed = Self.retention("failed", &retention)
        cancelled = Self.retention("cancelled", &retention)
        for setting in [QueueSetting.completed, .failed, .cancelled] where retention.isNull(setting.rawValue) {
            defaults.insert(setting)
        }
        fields.refuse(retention.close())
    }

    private static func retention(_ kind: String, _ fields: inout Fields) -> Retention? {
        guard var retention = fields.object(kind) else { return nil }
        let age = retention.seconds("age_seconds", in: 0...NewJob.Limit.delaySeconds)
        let count = retention.integer("count", in: 0...1_000_000_000)
        fields.refuse(retention.close())
        return Retention(age: age ?? Retention.standard.age, count: count ?? Retention.standard.count)
    }
}
