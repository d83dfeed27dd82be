// Checks that the Redis user may run every command that the scripts use, before any script runs.

import MartletQueue
import MartletRedis

/// The commands that a Redis user needs, and a check without side effects.
///
/// A script that is denied a command halfway keeps its earlier writes, so a process does not start as such a user. The
/// check is itself a script, because any user may run it; `ACL DRYRUN` is reserved for administrators.
package enum PermissionCheckup {
    package static let name = "permissions"
    /// Commands that are called outside scripts, always with one of Martlet's keys.
    package static let outside = [
        "SADD", "SREM", "SISMEMBER", "SMEMBERS", "HGETALL", "HGET", "HSETNX", "BLPOP", "SET", "PTTL",
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

    private static let question = """
        local answer = {0}
        for index = 1, #ARGV do
            local name = ARGV[index]
            local isKnown, isAllowed
            if name == 'TIME' then
                isKnown, isAllowed = pcall(redis.acl_check_cmd, name)
            else
                isKnown, isAllowed = pcall(redis.acl_check_cmd, name, KEYS[1], KEYS[1], KEYS[1])
            end
            if isKnown then answer[1] = answer[1] + 1 end
            if isKnown and not isAllowed then answer[#answer + 1] = name end
        end
        return answer
        """

    /// Checks the commands on a key with this prefix.
    static func check(_ client: RedisClient, prefix: String) async throws(RedisError) -> Checkup {
        let advice = "grant them to the user of REDIS_URL, for the keys \(prefix):*"
        var arguments = RedisArguments("EVAL", question, "1", "\(prefix):{permissions}:probe")
        let names = Set(commands + outside).sorted()
        for name in names { arguments.append(name) }
        do throws(RedisError) {
            let answer = try await client.send(.command(arguments)).array ?? []
            let denied = answer.dropFirst().compactMap(\.string)
            guard !denied.isEmpty else { return Checkup(name, .good, "all \(answer.first?.int ?? 0) commands") }
            return Checkup(name, .bad, "denied: \(denied.joined(separator: ", "))", advice, refusesStart: true)
        } catch  where error.outcome == .verdict {
            if error.code == .noPermission {
                return Checkup(name, .bad, "scripts are denied", "grant @scripting", refusesStart: true)
            }
            return Checkup(name, .warning, "cannot be asked here: \(error.message)", advice)
        }
    }
}
