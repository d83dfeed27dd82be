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

    fileprivate var json: JSON {
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
        let found = call.query.has("verbose") ? JSON.array(findings().map(\.json)) : nil
        var passed: [(key: String, value: JSON)] = []
        for check in [redisCheck] + checks {
            if let reason = await check.failure() {
                let problem = Problem(.serviceUnavailable, "not-ready", "\(check.name): \(reason)")
                    .with("check", .string(check.name)).with(.retryAfter, "1")
                throw found.map { problem.with("findings", $0) } ?? problem
            }
            passed.append((check.name, "ok"))
        }
        return Reply(.object(["status": "ok", "checks": .members(passed), "findings": found]))
    }

    private var redisCheck: ReadinessCheck {
        ReadinessCheck(name: "redis") {
            do throws(QueueError) { _ = try await store.ping() } catch { return error.message }
            return nil
        }
    }

    /// The metrics, where the process has any.
    func metricsPage() async throws -> Reply {
        guard let metrics else { throw Problem.notFound("this process keeps no metrics") }
        return Reply(Array(await metrics().utf8), type: "text/plain; version=0.0.4; charset=utf-8")
    }
}
