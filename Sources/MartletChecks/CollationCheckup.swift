// Which locale Redis compares texts by, as far as it can be known.

import MartletRedis

/// A check of the order that Redis' scripts see in texts.
enum CollationCheckup {
    /// Asks for the setting, which Redis has from 7.2 on, and tries a comparison.
    ///
    /// No order is wrong: Martlet compares ids by their bytes, which only takes a little longer where Lua does not.
    static func check(_ client: RedisClient) async throws -> Checkup {
        let name = "locale"
        let setting: String?
        let comparison: String?
        do throws(RedisError) {
            setting = try await client.send(.command("CONFIG", "GET", "locale-collate")).array?.last?.string
            comparison = try await client.send(.command("EVAL", "return tostring('Z' < 'a')", "0")).string
        } catch {
            guard error.outcome == .verdict else { throw error }
            return Checkup(name, .good, "Redis does not tell here")
        }
        return Checkup(name, .good, words(setting: setting, comparesBytes: comparison == "true"))
    }

    static func words(setting: String?, comparesBytes: Bool) -> String {
        let order = comparesBytes ? "texts compare by bytes" : "texts compare by a language, ids by bytes all the same"
        guard let setting, !setting.isEmpty else { return order }
        return "\(setting): \(order)"
    }
}
