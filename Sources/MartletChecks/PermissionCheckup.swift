// Checks that the Redis user may run every command that the scripts use, before any script runs.

import MartletQueue
import MartletRedis

/// The commands that a Redis user needs, and a check without side effects.
///
/// A script that is denied a command halfway keeps its earlier writes, so a process does not start as such a user. The
/// check is itself a script, because any user may run it; `ACL DRYRUN` is reserved for administrators.
package enum PermissionCheckup {
    package static let name = "permissions"
    /// The check of how scripts are called.
    package static let callsName = "functions"
    /// Commands that are called outside scripts, always with one of Martlet's keys.
    package static let outside = [
        "SADD", "SREM", "SISMEMBER", "SMEMBERS", "HGETALL", "HGET", "HSETNX", "BLPOP", "SET", "PTTL", "XREAD", "XRANGE",
        "PEXPIRE",
    ]

    /// Every word of a script that could be a command name, in alphabetical order; most of them are commands.
    package static let commands: [String] = {
        var names: Set<String> = []
        for file in ScriptFile.allCases {
            let source = String(decoding: file.source, as: UTF8.self)
            for match in source.matches(of: /'([A-Z]{3,})'/) { names.insert(String(match.output.1)) }
        }
        return names.sorted()
    }()

    /// Checks the commands on a key with this prefix, and how scripts are called.
    static func check(_ client: RedisClient, prefix: String) async throws(RedisError) -> [Checkup] {
        let advice = "grant them to the user of REDIS_URL, for the keys \(prefix):*"
        var arguments = RedisArguments()
        for name in Set(commands + outside).sorted() { arguments.append(name) }
        let request = RedisRequest.function(
            ScriptTable.shipped[.permissions], keys: RedisArguments("\(prefix):{permissions}:probe"),
            arguments: arguments)
        do throws(RedisError) {
            let answer = try await client.send(request).array ?? []
            let denied = answer.dropFirst().compactMap(\.string)
            let calls = calls(client)
            guard !denied.isEmpty else {
                return [Checkup(name, .good, "all \(answer.first?.int ?? 0) commands"), calls]
            }
            let found = "denied: \(denied.joined(separator: ", "))"
            return [Checkup(name, .bad, found, advice, refusesStart: true), calls]
        } catch  where error.outcome == .verdict || error.code == .noScript {
            if error.code == .noPermission {
                let advice = "grant +fcall +function|load, or @scripting"
                return [Checkup(name, .bad, "scripts are denied", advice, refusesStart: true)]
            }
            return [Checkup(name, .warning, "cannot be asked here: \(error.message)", advice)]
        }
    }

    /// How the scripts are called, as the client found when it asked.
    private static func calls(_ client: RedisClient) -> Checkup {
        guard let reason = client.scriptReason else {
            return Checkup(callsName, .good, ScriptTable.shipped.library.name)
        }
        return Checkup(
            callsName, .warning, "not used, scripts run by their digest: \(reason)",
            "use Redis 7.0 or newer and grant +fcall +function|load: each call costs less then")
    }
}
