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

extension API {
    /// 200 when Redis answers and all other checks hold; else 503 with the first that fails.
    func readiness() async throws -> Reply {
        var passed: [(key: String, value: JSON)] = []
        for check in [redisCheck] + checks {
            if let reason = await check.failure() {
                throw Problem(.serviceUnavailable, "not-ready", "\(check.name): \(reason)")
                    .with("check", .string(check.name)).with(.retryAfter, "1")
            }
            passed.append((check.name, "ok"))
        }
        return Reply(.object(["status": "ok", "checks": .members(passed)]))
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
