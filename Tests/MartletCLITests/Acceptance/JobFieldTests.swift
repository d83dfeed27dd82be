// Every field of the table of job fields, from the push over HTTP to the output of the command.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletCLI
@testable import MartletQueue

extension JobField {
    /// The names in JSON under which a job in `state` shows the field.
    ///
    /// A new field does not compile before it has a case here, and fails the test before HTTP and the command show it.
    fileprivate func names(in state: JobState) -> [String] {
        switch self {
        case .type: ["type"]
        case .payload: ["payload"]
        case .priority: ["priority"]
        case .maxRetries: ["max_retries"]
        case .retryPolicy: ["backoff"]
        case .timeout: ["timeout_seconds"]
        case .uniqueKey: ["unique_key"]
        case .createdAt: ["created_at"]
        case .tags: ["tags"]
        case .limits: ["limits"]
        case .waitsFor: state == .blocked ? ["waits_for"] : []
        case .metadata: ["metadata"]
        case .trace: ["traceparent", "tracestate"]
        case .token: ["claims"]
        case .place: ["started_at"]
        case .failures: ["failures"]
        case .lost: ["lost"]
        case .error: state == .completed ? [] : ["error"]
        case .output: ["output"]
        case .progress: ["progress"]
        case .checkpoint: ["checkpoint"]
        case .wanted: ["stop_requested"]
        case .attempts: ["attempts"]
        case .earlierPayloads: ["earlier_payloads"]
        // What the queue keeps for itself: whether a push is a repeat, who may read the job, two moments, what a claim took.
        case .digest, .owner, .changedAt, .unknownSince, .implicitLimits: []
        }
    }
}

@Suite(.serialized) struct JobFieldTests {
    /// All that a producer can say over HTTP.
    private static let description: JSONValue = .fields([
        "type": "full", "payload": .fields(["a": 1]), "priority": 7, "max_retries": 9,
        "backoff": .fields(["base_seconds": 5, "factor": .spelled("2.0"), "cap_seconds": 60, "jitter": .number(0.25)]),
        "timeout_seconds": 60, "unique_key": "only", "tags": .array(["a", "b"]),
        "limits": .array(["host:a", .fields(["key": "tenant:7", "weight": 2])]), "metadata": .fields(["who": "me"]),
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1 , b=2",
    ])

    @Test func `every field of a job comes from its writer to the command's output`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let walk = try await FieldWalk(stack)
            let id = try JobID(validating: "order-1")
            let body = Self.description.adding("id", "order-1")
            _ = try await APIClient.with(stack.serverURL, token: walk.producer) {
                try await $0.post("/api/v1/jobs", body: body)
            }
            let said = JobField.allCases.filter { $0.writer == .producer }
            #expect(try await walk.look(id, shows: body.object?.pairs ?? []) == Set(said), "a field is not stored")

            let queue = stack.store.queue(.default)
            // Each look starts a process, and none of them may outlast a lease.
            try await queue.configure(QueueSettingsChange(lease: .seconds(600)))
            try await walk.limit(queue, ["host:a": "c=0"])
            #expect(try await queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1)).jobs.isEmpty)
            try await walk.look(id, shows: [("state", "blocked"), ("waits_for", "host:a")])
            try await walk.limit(queue, ["host:a": "c=1", "type:full": "c=1"])
            let first = try await walk.claim(queue)
            _ = try await queue.heartbeat(
                worker: "w",
                [
                    Heartbeat(
                        id: id, token: first.token, progress: JobProgress(completed: 1, total: 4),
                        checkpoint: Array("3".utf8))
                ])
            try await walk.look(id, shows: [("claims", 1), ("checkpoint", 3)])
            _ = try await queue.control(.pause, [id])
            try await walk.look(id, shows: [("stop_requested", "pause")])
            _ = try await queue.control(.resume, [id])
            try await walk.settle(first, queue, .failed(retryAfter: .zero, error: "no"))
            try await walk.look(id, shows: [("failures", 1), ("error", "no")])
            try await walk.settle(walk.claim(queue), queue, .crashed(retryAfter: .zero, error: "died"))
            try await walk.look(id, shows: [("lost", 1)])
            try await walk.settle(walk.claim(queue), queue, .unknownType(retryAfter: .zero, error: "no handler"))
            try await walk.look(id, shows: [("error", "no handler")])
            #expect(try await queue.edit(id, payload: Array(#"{"a":2}"#.utf8)) == .done(.queued))
            try await walk.look(id, shows: [("payload", .fields(["a": 2]))])
            try await walk.settle(walk.claim(queue), queue, .completed(output: Array("[2]".utf8)))
            try await walk.look(id, shows: [("output", .array([2])), ("claims", 4), ("state", "completed")])
            let missing = Set(JobField.allCases).subtracting(await walk.seen)
            #expect(missing.isEmpty, "never stored: \(missing)")
        }
    }

    @Test func `the answer to a push shows what a read shows`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            try await stack.serve()
            let answer = try await stack.post("/api/v1/jobs", Self.description)
            let id = try #require(answer["id"].string)
            #expect(try await stack.get("/api/v1/jobs/\(id)") == answer)
        }
    }
}

/// Reads one job in all ways after each step, and compares them.
private actor FieldWalk {
    private let stack: TestStack
    private let reader: String
    let producer: String
    /// The fields that the job's hash has had.
    private(set) var seen: Set<JobField> = []
    private var claims = 0

    /// Starts a server with a token that pushes, so that jobs have an owner, and one that reads.
    init(_ stack: TestStack) async throws {
        self.stack = stack
        var lines: [String] = []
        var secrets: [String] = []
        for role in ["produce", "read"] {
            let made = try await stack.martlet("token", role, "--role", role, "-o", "json").json
            lines.append(try #require(made["line"].string))
            secrets.append(try #require(made["token"].string))
        }
        (producer, reader) = (secrets[0], secrets[1])
        let path = stack.directory + "/tokens"
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try await stack.serve(["AUTH_TOKENS_FILE": path])
    }

    /// Sets limits as they are stored; whoever waits is looked at by the next claim.
    func limit(_ queue: Queue, _ limits: [String: String]) async throws {
        let key = "martlet:{default}:"
        for (name, text) in limits { _ = try await stack.reply("HSET", key + "limits", name, text) }
        _ = try await stack.reply("HSET", key + "meta", "limited", limits.count > 1 ? "19" : "1")
        if limits.count > 1 { _ = try await stack.reply("ZADD", key + "opens", "0", "host:a") }
        _ = try await queue.run(.configure, RedisArguments("set"))
    }

    func claim(_ queue: Queue) async throws -> ClaimedJob {
        claims += 1
        let reply = try await queue.claim(ClaimRequest(worker: "w", number: claims, upTo: 1))
        return try #require(reply.jobs.first)
    }

    func settle(_ job: ClaimedJob, _ queue: Queue, _ outcome: Settlement.Outcome) async throws {
        let reply = try await queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
        #expect(reply.verdicts.allSatisfy { $0.isDone })
    }

    /// Checks that HTTP and the command show every field that is stored, and these values.
    ///
    /// - Returns: the stored fields.
    @discardableResult
    func look(_ id: JobID, shows values: [(name: String, value: JSONValue)]) async throws -> Set<JobField> {
        let fields = try await stored(id)
        seen.formUnion(fields)
        let job = try await APIClient.with(stack.serverURL, token: reader) { try await $0.get("/api/v1/jobs/\(id)") }
        let state = try #require(job["state"].string.flatMap(JobState.init))
        let token = ["MARTLET_TOKEN": reader]
        let json = try await stack.martlet("job", "get", id.description, "-o", "json", environment: token)
        #expect(json.json == job, "the command shows what the server sent")
        let table = try await stack.martlet("job", "get", id.description, environment: token).output
        let rows = table.split(separator: "\n").map { $0.split(separator: " ")[0] }
        for name in fields.flatMap({ $0.names(in: state) }) {
            #expect(!job[name].isNull, "\(name) of a job that is \(state)")
            #expect(rows.contains { $0 == name || $0.hasPrefix(name + ".") }, "\(name) in \(table)")
        }
        for (name, value) in values { #expect(job[name] == value, "\(name) of a job that is \(state)") }
        return fields
    }

    private func stored(_ id: JobID) async throws -> Set<JobField> {
        let names = try await stack.reply("HKEYS", "martlet:{default}:job:\(id)").array ?? []
        return Set(
            try names.map { name in try #require(JobField(name), "\(name) is not in the table of job fields") })
    }
}

extension JSONObject {
    fileprivate var pairs: [(name: String, value: JSONValue)] { fields.map { ($0.name, $0.value) } }
}
