// Which function libraries are in use under this prefix, and the removal of those that no living process uses.

import MartletJobs
import MartletRedis

extension JobStore {
    /// How long a library stays that nobody says it uses.
    static let libraryAge = Duration.seconds(86_400)
    /// How often a process says which library it uses; the first time after as long, so that short commands never do.
    static let libraryPause = Duration.seconds(600)

    /// The hash of when each library was last said to be used, by its digest: ms of Redis' clock.
    var librariesKey: String { prefix + ":libraries" }

    /// Says from time to time which library this process uses, and removes those that nobody has used for a day.
    ///
    /// Where the server has no functions, or the user may not list or delete them, everything stays as it is.
    func keepLibraries() async throws {
        while true {
            try await Task.sleep(for: Self.libraryPause)
            _ = try? await tidyLibraries()
        }
    }

    /// Notes the use of this process' library, then removes libraries of ours that nobody has used for a day.
    ///
    /// One that another prefix uses may go too; whoever calls it next loads it again. A library that was never noted is noted
    /// now, so it goes a day later at the earliest.
    ///
    /// - Returns: the names of the libraries that were removed.
    @discardableResult
    package func tidyLibraries() async throws(QueueError) -> [String] {
        guard redis.scriptReason == nil else { return [] }
        let own = scripts.library.name
        let time = try await command("TIME").array ?? []
        guard time.count == 2, let seconds = time[0].int else { throw .broken("TIME", .array(time)) }
        let now = seconds * 1000
        func isOld(_ moment: Int) -> Bool { now - moment > Self.libraryAge.inMilliseconds }
        _ = try await command("HSET", librariesKey, own, "\(now)")
        let listed = try await command("FUNCTION", "LIST", "LIBRARYNAME", ScriptTable.libraryPrefix + "*")
        let names = (listed.array ?? []).compactMap(Self.libraryName).filter { $0 != own }
        let used = Queue.words(try await command("HGETALL", librariesKey).array ?? [])
        var removed: [String] = []
        for name in names {
            guard let last = used[name].flatMap({ Int($0) }) else {
                _ = try await command("HSETNX", librariesKey, name, "\(now)")
                continue
            }
            guard isOld(last) else { continue }
            _ = try await command("FUNCTION", "DELETE", name)
            _ = try await command("HDEL", librariesKey, name)
            removed.append(name)
        }
        // What was said of libraries that are gone is forgotten as well.
        for (name, last) in used where name != own && !names.contains(name) {
            guard isOld(Int(last) ?? 0) else { continue }
            _ = try await command("HDEL", librariesKey, name)
        }
        return removed
    }

    /// The name in one entry of `FUNCTION LIST`, if it is one that a version of ours gives.
    private static func libraryName(_ entry: RedisValue) -> String? {
        guard let parts = entry.array, let index = parts.firstIndex(where: { $0.string == "library_name" }),
            index + 1 < parts.count, let name = parts[index + 1].string
        else { return nil }
        let digest = name.dropFirst(ScriptTable.libraryPrefix.count)
        return digest.count == ScriptTable.digestLength && digest.allSatisfy(\.isHexDigit) ? name : nil
    }
}
