// What machines ask: whether the server is ready, and its metrics.

import HTTPTypes
import MartletQueue

/// Something that must hold before the server is ready to answer.
public struct ReadinessCheck: Sendable {
    /// The name under which a failure is reported.
    public var name: String
    /// Throws, or answers with a reason, when the check fails; `nil` when all is well.
    public var failure: @Sendable () async -> String?

    /// A check with a name.
    public init(name: String, failure: @escaping @Sendable () async -> String?) {
        self.name = name
        self.failure = failure
    }
}

/// Something that was found out about what the server stands on, for whoever asks `/readyz?verbose`.
public struct ReadinessFinding: Sendable, Hashable {
    /// What was looked at.
    public var name: String
    /// `ok`, `warning` or `failed`.
    public var result: String
    /// What to do; empty when all is well.
    public var advice: String

    /// A finding; nothing in it may be secret, since nobody is asked for a token.
    public init(name: String, result: String, advice: String) {
        self.name = name
        self.result = result
        self.advice = advice
    }

    fileprivate var json: JSONOutput {
        .object([
            "check": .string(name), "result": .string(result), "advice": advice.isEmpty ? nil : .string(advice),
        ])
    }
}

extension API {
    /// 200 when Redis answers and all other checks hold; else 503 with the first that fails.
    ///
    /// With `verbose` in the query it says too what was found out about Redis.
    func readiness(_ call: Call) async throws -> Reply {
        let found = call.query.has("verbose") ? JSONOutput.array(findings().map(\.json)) : nil
        var passed: [(key: String, value: JSONOutput)] = []
        do {
            let isReplica = try await redisIsReplica()
            passed.append(("redis", "ok"))
            if isReplica { throw Unready(check: "redis-role", reason: "Redis is a read-only replica") }
            passed.append(("redis-role", "ok"))
            for check in checks {
                let result = await withLimit(settings.checkLimit) { await check.failure() }
                guard let result else { throw Unready(check: check.name, reason: "did not end in time") }
                if let reason = result { throw Unready(check: check.name, reason: reason) }
                passed.append((check.name, "ok"))
            }
        } catch let unready as Unready {
            throw unready.problem(findings: found, showsCause: call.caller.seesCauses)
        }
        return Reply(.object(["status": "ok", "checks": .members(passed), "findings": found]))
    }

    /// Asks Redis which role it has; throws why it did not answer.
    private func redisIsReplica() async throws(Unready) -> Bool {
        if let known = store.connectionFailure { throw Unready(of: known) }
        let answer: Result<Bool, QueueError>? = await withLimit(settings.checkLimit) { [store] in
            do throws(QueueError) {
                _ = try await store.ping()
                return .success(try await store.isReplica())
            } catch { return .failure(error) }
        }
        switch answer {
        case .success(let isReplica): return isReplica
        case .failure(let error): throw Unready(of: error)
        case nil:
            if let known = store.connectionFailure { throw Unready(of: known) }
            throw Unready(check: "redis", reason: "Redis did not answer in time")
        }
    }

    /// 200 while the process makes progress; else 503, and it should be restarted.
    func liveness() throws -> Reply {
        guard isAlive() else { throw HTTPProblem(.serviceUnavailable, "not-alive", "the process makes no progress") }
        return Reply(.object(["status": "ok"]))
    }

    /// The metrics, where the process has any.
    func metricsPage() async throws -> Reply {
        guard let metrics else { throw HTTPProblem.notFound("this process keeps no metrics") }
        return Reply(Array(await metrics().utf8), type: "text/plain; version=0.0.4; charset=utf-8")
    }
}

/// A check that failed.
private struct Unready: Error {
    var check: String
    var reason: String
    /// What only those may know who operate Redis.
    var cause: String?

    init(check: String, reason: String) {
        self.check = check
        self.reason = reason
    }

    /// Redis failed.
    init(of error: QueueError) {
        self.init(check: "redis", reason: error.publicText)
        cause = error.message
    }

    func problem(findings: JSONOutput?, showsCause: Bool) -> HTTPProblem {
        var problem = HTTPProblem(.serviceUnavailable, "not-ready", "\(check): \(reason)")
            .with("check", .string(check)).with(.retryAfter, "1")
        if let cause, showsCause { problem = problem.with("cause", .string(cause)) }
        return findings.map { problem.with("findings", $0) } ?? problem
    }
}
