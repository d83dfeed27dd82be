// The locale in which Redis compares strings.

import MartletRedis

/// Checks the string order of Redis scripts.
enum CollationCheckup {
    /// Reads the setting (Redis 7.2 or later) and tries a comparison.
    ///
    /// Every order is correct: Martlet compares ids by bytes, which takes slightly longer where Lua's order differs.
    static func check(_ client: RedisClient) async throws -> Checkup {
        let name = "locale"
        let setting: String?
        let comparison: String?
        do throws(RedisError) {
            setting = try await client.send(.command("CONFIG", "GET", "locale-collate")).array?.last?.string
            comparison = try await client.send(.command("EVAL", "return tostring('Z' < 'a')", "0")).string
        } catch {
            guard error.outcome == .verdict else { throw error }
            return Checkup(name, .good, "Redis does not report it")
        }
        return Checkup(name, .good, words(setting: setting, comparesBytes: comparison == "true"))
    }

    static func words(setting: String?, comparesBytes: Bool) -> String {
        let order = comparesBytes ? "texts compare by bytes" : "texts compare by a language, ids by bytes all the same"
        guard let setting, !setting.isEmpty else { return order }
        return "\(setting): \(order)"
    }
}
