// The Redis settings that `doctor` recommends and that no start depends on.

import MartletRedis

/// A Redis setting and its recommended values.
struct AdvisedSetting: Sendable {
    let name: String
    /// What to do about another value.
    let advice: String
    /// Whether a value is recommended.
    let isFit: @Sendable (String) -> Bool

    /// The settings from the guide *Running in production* that are not already checked at every start.
    static let all = [
        AdvisedSetting("no-appendfsync-on-rewrite", exactly: "no", "nothing is synced during a rewrite"),
        AdvisedSetting("aof-load-truncated", exactly: "yes", "Redis refuses to start on a torn end"),
        AdvisedSetting(
            name: "maxmemory", advice: "set at most 60 % of the machine's memory; without a limit it may be used up"
        ) {
            (Double($0) ?? 0) > 0
        },
        AdvisedSetting("timeout", exactly: "0", "one connection of each process mostly waits"),
        AdvisedSetting("tcp-keepalive", atMost: 60, "dead peers are noticed late or never"),
        AdvisedSetting("busy-reply-threshold", atMost: 1000, "no script of Martlet runs for long"),
    ]

    /// Checks a value; `nil` means that it could not be read.
    func check(_ value: String?) -> Checkup {
        guard let value else {
            return Checkup(name, .warning, "cannot be read", "allow CONFIG GET, or look where Redis is managed")
        }
        return Checkup(name, isFit(value) ? .good : .warning, value, advice)
    }

    /// Reads and checks all settings.
    static func checks(_ client: RedisClient) async throws(RedisError) -> [Checkup] {
        var checks: [Checkup] = []
        for setting in all {
            do throws(RedisError) {
                let answer = try await client.send(.command(RedisArguments("CONFIG", "GET", setting.name))).array
                checks.append(setting.check(answer?.last?.string))
            } catch {
                guard error.outcome == .verdict else { throw error }
                checks.append(setting.check(nil))
            }
        }
        return checks
    }
}

extension AdvisedSetting {
    /// A setting with one recommended value.
    private init(_ name: String, exactly value: String, _ reason: String) {
        self.init(name: name, advice: "set \(value): \(reason)") { $0 == value }
    }

    /// A setting in seconds or ms that is switched off by 0, and for which the guide recommends the longest good value.
    private init(_ name: String, atMost limit: Int, _ reason: String) {
        self.init(name: name, advice: "set \(limit): \(reason)") { value in
            Int(value).map { (1...limit).contains($0) } ?? false
        }
    }
}
