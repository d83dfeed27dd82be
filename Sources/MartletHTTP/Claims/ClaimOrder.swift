// What a worker asks for, read from the body of a claim.

import MartletJSON
import MartletJobs
import MartletQueue

/// A worker's request for jobs.
struct ClaimOrder: Sendable {
    /// The most jobs of one claim.
    static let mostJobs = 100
    /// The most queues of one claim.
    static let mostQueues = 50
    /// The most types that a worker names.
    static let mostTypes = 200

    /// The worker's id, if it has one.
    var worker: String?
    /// What the worker says of itself, if it does.
    var card: WorkerCard?
    /// The queues in order, each with the most jobs to take from it.
    var queues: [(name: QueueName, most: Int)] = []
    /// The only types to hand out; `nil` for all.
    var types: Set<String>?
    /// The most jobs of all queues together.
    var most = 1
    /// How long to wait for the first job.
    var wait = Duration.zero
    /// How long the jobs are held without a heartbeat; `nil` for each queue's lease.
    var lease: Duration?

    /// Reads the members of a claim; records errors in `fields`.
    init(_ fields: inout Fields, longestWait: Duration) {
        worker = fields.read(ClaimField.worker)
        if let worker, !JobID.isName(worker) { fields.refuse(ClaimField.worker, WorkerCard.idRule) }
        card = fields.read(ClaimField.card)
        most = fields.read(ClaimField.most) ?? 1
        wait = min(fields.read(ClaimField.wait) ?? .zero, longestWait)
        lease = fields.read(ClaimField.lease)
        readQueues(&fields)
        readTypes(&fields)
    }

    private mutating func readQueues(_ fields: inout Fields) {
        let rule = "must be a list of 1 to \(Self.mostQueues) names of queues, or an object with the slots of each"
        guard let value = fields.value("queues") else { return fields.refuse("queues", "is required: it \(rule)") }
        var found: [(String?, Int?)] = []
        if let names = value.elements(atMost: Self.mostQueues + 1) {
            found = names.map { ($0.string, most) }
        } else if let slots = value.members(atMost: Self.mostQueues + 1) {
            found = slots.map { ($0.key, $0.value.number.flatMap { Int($0) }) }
        }
        guard (1...Self.mostQueues).contains(found.count) else { return fields.refuse("queues", rule) }
        for (text, slots) in found {
            guard let name = text.flatMap({ QueueName($0) }) else {
                return fields.refuse("queues", "has a name that does not match \(QueueName.pattern)")
            }
            guard let slots, (1...Self.mostJobs).contains(slots) else {
                return fields.refuse("queues", "must have 1 to \(Self.mostJobs) slots for each queue")
            }
            guard !queues.contains(where: { $0.name == name }) else {
                return fields.refuse("queues", "names \(name) twice")
            }
            queues.append((name, min(slots, most)))
        }
    }

    private mutating func readTypes(_ fields: inout Fields) {
        guard let list = fields.list("types", limit: Self.mostTypes) else { return }
        let names = list.compactMap(\.string).filter { $0.isLabel(upTo: NewJob.Limit.type) }
        guard names.count == list.count, (1...Self.mostTypes).contains(list.count) else {
            return fields.refuse(
                "types",
                "must be a list of 1 to \(Self.mostTypes) types; each \(NewJob.labelRule(NewJob.Limit.type))")
        }
        types = Set(names)
    }
}

/// What a worker says of itself, for the list of workers.
struct WorkerCard: Sendable, Hashable {
    /// The longest id of a worker, in bytes.
    static let longestID = 64
    /// The rule for a worker's id, phrased to follow a field's name.
    static let idRule = "must have 1 to \(longestID) characters of A-Z a-z 0-9 . _ : - and not only dots"

    private static let languageField = Field.text("language", length: 1...64, "The language that it is written in.")
    private static let versionField = Field.text(
        "version", length: 1...64, "The version of the language or of the worker.")
    private static let hostField = Field.text("host", length: 1...255, "The machine.")
    private static let processField = Field.integer("pid", in: 0...Int(Int32.max), "The id of the process.")
    static let shape = ObjectShape(
        body: "WorkerCard", "What a worker says of itself.", [languageField, versionField, hostField, processField])

    var language: String?
    var version: String?
    var host: String?
    var processID: Int?

    /// Reads the member `worker`; `nil` without one.
    init?(_ fields: inout Fields) {
        guard var card = fields.object("worker", Self.shape) else { return nil }
        language = card.read(Self.languageField)
        version = card.read(Self.versionField)
        host = card.read(Self.hostField)
        processID = card.read(Self.processField)
        fields.refuse(card.close())
    }
}
