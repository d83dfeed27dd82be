// Readiness, liveness and metrics.

import HTTPTypes
import MartletJSON
import MartletQueue

/// A condition for readiness.
public struct ReadinessCheck: Sendable {
    /// The name under which a failure is reported.
    public var name: String
    /// Returns the reason of a failure, or `nil`.
    public var failure: @Sendable () async -> String?

    /// Creates a check.
    ///
    /// - Parameters:
    ///   - name: the name under which a failure is reported.
    ///   - failure: returns the reason of a failure, or `nil`.
    public init(name: String, failure: @escaping @Sendable () async -> String?) {
        self.name = name
        self.failure = failure
    }
}

/// A finding about the server's environment, for `/readyz?verbose`.
public struct ReadinessFinding: Sendable, Hashable {
    /// The name of the check.
    public var name: String
    /// `ok`, `warning` or `failed`.
    public var result: String
    /// What to do; empty when there is nothing to do.
    public var advice: String

    /// Creates a finding; it must contain no secrets, since the route is public.
    ///
    /// - Parameters:
    ///   - name: the name of the check.
    ///   - result: `ok`, `warning` or `failed`.
    ///   - advice: what to do; empty when there is nothing to do.
    public init(name: String, result: String, advice: String) {
        self.name = name
        self.result = result
        self.advice = advice
    }

    var json: JSONOutput {
        .object([
            "check": .string(name), "result": .string(result), "advice": advice.isEmpty ? nil : .string(advice),
        ])
    }
}

/// The descriptions of the probes' responses.
enum SystemView {
    static let liveness = ObjectShape(
        "Liveness", "The process makes progress.", [.always("status", .words(["ok"]), "`ok`.")])
    static let readiness = ObjectShape(
        "Readiness", "The server is ready.",
        [
            .always("status", .words(["ok"]), "`ok`."),
            .always("checks", .map(.words(["ok"])), "The checks by name."),
            .maybe("findings", .list(ReadinessFinding.shape), "With `verbose`: what the server found out about Redis."),
        ])
    static let verbose = Parameter.text("verbose", "Whether `findings` are shown; it needs no value.")
}

extension ReadinessFinding {
    static let shape = ObjectShape(
        "Finding", "A finding about Redis.",
        [
            .always("check", .text, "The check."),
            .always("result", .words(["ok", "warning", "failed"]), "Its result."),
            .maybe("advice", .text, "What to do."),
        ])
}

extension API {
    /// 200 when Redis answers and all other checks pass, otherwise 503 with the first failure.
    ///
    /// With `verbose` in the query, it includes the findings about Redis.
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

    /// Reads Redis' role; throws the reason when it does not answer.
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

    /// 200 while the process makes progress; otherwise 503, and it should be restarted.
    func liveness() throws -> Reply {
        guard isAlive() else { throw HTTPProblem(.notAlive, "the process makes no progress") }
        return Reply(.object(["status": "ok"]))
    }

    /// The metrics, if the process has any.
    func metricsPage() async throws -> Reply {
        guard let metrics else { throw HTTPProblem.notFound("this process keeps no metrics") }
        return Reply(Array(await metrics().utf8), type: "text/plain; version=0.0.4; charset=utf-8")
    }
}

/// A failed check.
private struct Unready: Error {
    var check: String
    var reason: String
    /// Details for operators only.
    var cause: String?

    init(check: String, reason: String) {
        self.check = check
        self.reason = reason
    }

    /// Converts a Redis error.
    init(of error: QueueError) {
        self.init(check: "redis", reason: error.publicText)
        cause = error.message
    }

    func problem(findings: JSONOutput?, showsCause: Bool) -> HTTPProblem {
        var problem = HTTPProblem(.notReady, "\(check): \(reason)")
            .with("check", .string(check)).with(.retryAfter, "1")
        if let cause, showsCause { problem = problem.with("cause", .string(cause)) }
        return findings.map { problem.with("findings", $0) } ?? problem
    }
}
