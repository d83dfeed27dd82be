// A bulk push: one JSON object with a list, or one job per line.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// A bulk push, validated item by item.
struct JobBatch: Sendable {
    let isAtomic: Bool
    /// The requested durability.
    let durability: Durability?
    private var models: [(index: Int, model: JobModel)]
    /// The invalid items with their errors.
    let refused: [(index: Int, errors: [FieldError])]

    private static let list = LimitedField.batch(
        "jobs", of: .object(JobModel.itemShape), "The jobs, in the order in which they are pushed.", required: true)
    private static let atomic = Field.flag(
        "atomic", "Whether all jobs are pushed or none; they are for one queue then.", default: true)

    /// The JSON body of `POST /api/v1/jobs/bulk`.
    static let shape = ObjectShape(
        body: "NewJobs", "Jobs to push together.", [list, atomic, DurabilityField.durability])
    static let atomicParameter = Parameter.flag(
        "atomic", "Whether all jobs are pushed or none, where the body does not say it; false for lines.")

    /// The jobs under an `Idempotency-Key`, except those whose ids the caller chose.
    func marked(by keyed: KeyedPush) -> JobBatch {
        var copy = self
        for place in models.indices where !models[place].model.hasOwnID {
            keyed.mark(&copy.models[place].model.job, index: models[place].index)
        }
        return copy
    }

    /// The location of a job, or of one of its fields, in the request.
    func place(of index: Int, field: String? = nil) -> FieldError {
        let field = field.map { "/" + $0 } ?? ""
        guard let line = line(of: index) else { return FieldError(pointer: "/jobs/\(index)" + field, detail: "") }
        return FieldError(pointer: field, detail: "", line: line)
    }

    /// The line of a job from 1, counting blank lines; `nil` when the body is one JSON value.
    func line(of index: Int) -> Int? { lines.isEmpty ? nil : lines[index] }

    /// The jobs in order.
    var jobs: [NewJob] { models.map(\.model.job) }

    /// The queues of the jobs.
    var queues: Set<QueueName> { Set(models.map(\.model.queue)) }

    /// The positions of the jobs in the request, by queue.
    var indexesByQueue: [QueueName: [Int]] {
        Dictionary(grouping: models, by: \.model.queue).mapValues { $0.map(\.index) }
    }

    /// The errors of all items; `nil` without any.
    var allErrors: [FieldError]? { refused.isEmpty ? nil : refused.flatMap(\.errors) }

    private var positions: [Int: Int] = [:]
    /// The lines of the jobs, when each line is a job.
    private let lines: [Int]

    /// The job at a position of the request.
    func job(at index: Int) -> NewJob? { positions[index].map { models[$0].model.job } }

    init(_ call: Call, settings: ServerSettings, reserved: String) throws(HTTPProblem) {
        let inQuery = try call.query.read(Self.atomicParameter)
        var reader = BatchReader(settings: settings, reserved: reserved, owner: call.caller.owner, trace: call.trace)
        switch call.body {
        case .lines(let bytes):
            isAtomic = inQuery ?? false
            durability = try call.query.durability()
            try reader.read(lines: bytes)
        default:
            var fields = try call.fields()
            isAtomic = fields.read(Self.atomic) ?? inQuery ?? true
            let behindMark = try call.query.durability()
            durability = fields.durability() ?? behindMark
            let list = fields.read(Self.list, settings)
            if list == nil, fields.errors.isEmpty { fields.refuse("jobs", "is required: a list of jobs") }
            try fields.done()
            for item in list ?? [] { try reader.add(.success(item)) }
        }
        guard reader.count > 0 else { throw .invalid("/jobs", "must have at least one job") }
        models = reader.models
        refused = reader.refused
        lines = reader.lines
        positions = Dictionary(uniqueKeysWithValues: models.enumerated().map { ($0.element.index, $0.offset) })
    }
}

/// Validates a batch item by item, and stops as soon as it must be refused.
private struct BatchReader {
    /// After this many invalid items, the rest is not read.
    static let refusalLimit = 100

    let settings: ServerSettings
    let reserved: String
    let owner: String?
    let trace: TraceContext?
    private(set) var count = 0
    private(set) var models: [(index: Int, model: JobModel)] = []
    private(set) var refused: [(index: Int, errors: [FieldError])] = []
    /// The lines of the items, when each line is an item.
    private(set) var lines: [Int] = []

    init(settings: ServerSettings, reserved: String, owner: String?, trace: TraceContext?) {
        self.settings = settings
        self.reserved = reserved
        self.owner = owner
        self.trace = trace
    }

    /// Reads every non-blank line.
    mutating func read(lines bytes: [UInt8]) throws(HTTPProblem) {
        var start = 0
        var number = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            let line = bytes[start..<end]
            start = end + 1
            number += 1
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { continue }
            try add(Result { () throws(JSONSyntaxError) in try JSONText(Array(line)) }, line: number)
        }
    }

    /// Reads one item; throws 413 for too many items and 422 after too many invalid ones.
    mutating func add(_ item: Result<JSONText, JSONSyntaxError>, line: Int? = nil) throws(HTTPProblem) {
        guard count < settings.batchLimit else {
            throw .tooLarge("a batch has at most \(settings.batchLimit) jobs", limit: settings.batchLimit)
        }
        let index = count
        count += 1
        if let line { lines.append(line) }
        let pointer = line == nil ? "/jobs/\(index)" : ""
        switch item {
        case .failure(let fault):
            refused.append((index, [FieldError(pointer: pointer, detail: fault.reason, line: line)]))
        case .success(let text):
            var fields = Fields(text, JobModel.itemShape, at: pointer)
            if let model = JobModel(
                text, &fields, limit: settings.payloadLimit, reserved: reserved, owner: owner, trace: trace)
            {
                models.append((index, model))
                return
            }
            refused.append((index, fields.errors.map { $0.on(line: line) }))
        }
        guard refused.count < Self.refusalLimit else { throw tooManyFaults }
    }

    private var tooManyFaults: HTTPProblem {
        var problem = HTTPProblem.invalid(refused.flatMap(\.errors))
        problem.detail += "; reading stopped after \(Self.refusalLimit) faulty jobs, and nothing was pushed"
        return problem
    }
}

/// The results of a bulk push.
struct BatchReport {
    private var rows: [(index: Int, json: JSONOutput)] = []
    private var created = 0
    private var existing = 0
    private var failed = 0
    /// The worst Redis error so far.
    private(set) var trouble: QueueError?
    /// The first error of one queue alone; the other queues' jobs are pushed.
    private var queueError: QueueError?
    private var unknown: [JobID] = []
    private let batch: JobBatch
    private let caller: Caller

    /// Creates a report with the details that the caller may see.
    init(of batch: JobBatch, _ verdicts: [(index: Int, id: JobID, verdict: EnqueueVerdict)] = [], for caller: Caller) {
        (self.batch, self.caller) = (batch, caller)
        for (index, id, verdict) in verdicts { add(index, id, verdict) }
    }

    mutating func add(_ index: Int, _ id: JobID, _ result: Result<EnqueueVerdict, QueueError>) {
        switch result {
        case .success(let verdict): add(index, id, verdict)
        case .failure(let error): fail(index, id, error)
        }
    }

    mutating func add(_ index: Int, _ id: JobID, _ verdict: EnqueueVerdict) {
        switch verdict {
        case .created(let state):
            created += 1
            row(index, id, "created", ("state", .string(state.rawValue)))
        case .existing(let state):
            existing += 1
            row(index, id, "existing", ("state", .string(state.rawValue)))
        case .deleted:
            existing += 1
            row(index, id, "deleted")
        case .conflict: refuse(index, id, "conflict", "this id was used before with another request")
        case .uniqueKeyTaken(let holder):
            let name = caller.seesAllJobs ? holder.description : "another job"
            refuse(index, id, "unique-key-taken", "\(name) holds the unique key")
        case .tooHeavy(let limit): refuse(index, id, field: "limits", NewJob.weightRule(limit))
        case .invalid(let field): refuse(index, id, field: field, NewJob.rule(for: field))
        }
    }

    /// Refuses a job of which nothing can be read but its faults.
    mutating func refuse(_ index: Int, _ errors: [FieldError]) {
        refuse(index, nil, "invalid", ("errors", .array(errors.map(\.json))))
    }

    private mutating func refuse(_ index: Int, _ id: JobID, field: String, _ rule: String) {
        let errors = JSONOutput.array([batch.place(of: index, field: field).saying(rule).json])
        refuse(index, id, "invalid", ("detail", .string("\(field) \(rule)")), ("errors", errors))
    }

    mutating func fail(_ index: Int, _ id: JobID, _ error: QueueError) {
        guard !error.isOfOneQueue else {
            queueError = queueError ?? error
            return refuse(index, id, error.publicCode, error.publicText)
        }
        trouble = trouble?.kind == .unknown ? trouble : error
        if error.kind == .unknown { unknown.append(id) }
        refuse(index, id, error.kind == .unknown ? "unknown" : "not-executed", error.publicText)
    }

    private mutating func refuse(_ index: Int, _ id: JobID, _ status: String, _ detail: String) {
        refuse(index, id, status, ("detail", .string(detail)))
    }

    private mutating func refuse(
        _ index: Int, _ id: JobID?, _ status: String, _ more: (key: String, value: JSONOutput)...
    ) {
        failed += 1
        let row = JSONOutput.object([
            "index": .int(index), "line": batch.line(of: index).map { .int($0) },
            "id": id.map { .string($0.description) }, "status": .string(status),
        ])
        rows.append((index, row.adding(more)))
    }

    private mutating func row(_ index: Int, _ id: JobID, _ status: String, _ more: (key: String, value: JSONOutput)...)
    {
        let row = JSONOutput.object(["index": .int(index), "id": .string(id.description), "status": .string(status)])
        rows.append((index, row.adding(more)))
    }

    /// 201 when anything was created, 200 when nothing was, 503 when Redis failed for some jobs.
    ///
    /// When no job has got into its queue, a queue's own error is that of the request.
    /// `more` follows the numbers.
    func reply(_ more: [(key: String, value: JSONOutput)] = []) throws -> Reply {
        var members: [(key: String, value: JSONOutput)] = [
            ("created", .int(created)), ("existing", .int(existing)), ("failed", .int(failed)),
        ]
        members += more
        members.append(("results", .array(rows.sorted { $0.index < $1.index }.map(\.json))))
        guard var trouble = trouble ?? (created + existing == 0 ? queueError : nil) else {
            return Reply(.members(members), status: created > 0 ? .created : .ok)
        }
        trouble.ids = unknown
        throw WriteError(error: trouble, more: members)
    }
}
