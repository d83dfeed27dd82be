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
    static let all: [AdvisedSetting] = [
        AdvisedSetting(name: "no-appendfsync-on-rewrite", advice: "set no: nothing is synced during a rewrite") {
            $0 == "no"
        },
        AdvisedSetting(name: "aof-load-truncated", advice: "set yes: Redis refuses to start on a torn end") {
            $0 == "yes"
        },
        AdvisedSetting(
            name: "maxmemory", advice: "set at most 60 % of the machine's memory; without a limit it may be used up"
        ) {
            (Double($0) ?? 0) > 0
        },
        AdvisedSetting(name: "timeout", advice: "set 0: one connection of each process mostly waits") { $0 == "0" },
        AdvisedSetting(name: "tcp-keepalive", advice: "set 60: dead peers are noticed late or never") { value in
            Int(value).map { (1...300).contains($0) } ?? false
        },
        AdvisedSetting(name: "busy-reply-threshold", advice: "set 1000: no script of Martlet runs for long") { value in
            Int(value).map { (1...5000).contains($0) } ?? false
        },
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
