// Removes what dead downloads left behind.

import FoundationEssentials
public import MartletJobs

/// Removes the part files of jobs that are over.
///
/// Run it when a worker starts and every minute. A part whose writer still holds its lock stays, and so does every file
/// that is no part.
public struct PartFileCleaner: Sendable {
    private static let batchSize = 500

    private let path: String
    private let isLive: @Sendable ([JobID]) async throws -> Set<JobID>

    /// A cleaner of a directory; `isLive` says which of the ids belong to jobs that are neither over nor unknown.
    ///
    /// It is asked for at most 500 ids at a time.
    public init(directory: String, isLive: @escaping @Sendable ([JobID]) async throws -> Set<JobID>) {
        path = directory
        self.isLive = isLive
    }

    /// Looks through the directory once and returns the names that were removed.
    ///
    /// Throws what `isLive` throws, and nothing is removed then.
    @discardableResult
    public func clean() async throws -> [String] {
        let parts = try await Disk.run { [path] in
            try Self.list(path).compactMap { name -> Part? in
                let owners = PartName.candidates(in: name)
                return owners.isEmpty ? nil : Part(name: name, owners: owners)
            }
        }
        guard !parts.isEmpty else { return [] }
        let live = try await liveOwners(of: parts)
        // A name with dots can be read in several ways; it is dead only when no reading of it is live.
        let dead = parts.filter { live.isDisjoint(with: $0.owners) }.map(\.name)
        return try await Disk.run { [path] in
            let directory = try DownloadDirectory(path: path)
            return try dead.filter { try Self.remove($0, in: directory) }
        }
    }

    private struct Part: Sendable {
        var name: String
        var owners: [JobID]
    }

    private func liveOwners(of parts: [Part]) async throws -> Set<JobID> {
        let owners = Array(Set(parts.flatMap(\.owners)))
        var live: Set<JobID> = []
        for start in stride(from: 0, to: owners.count, by: Self.batchSize) {
            live.formUnion(try await isLive(Array(owners[start..<min(start + Self.batchSize, owners.count)])))
        }
        return live
    }

    private static func list(_ path: String) throws -> [String] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    /// Whether a part that holds bytes belongs to a job whose id comes before this one.
    static func hasOlderPart(than id: JobID, in path: String) throws -> Bool {
        let directory = try DownloadDirectory(path: path)
        return try list(path).contains { name in
            let owners = PartName.candidates(in: name)
            guard !owners.isEmpty, !owners.contains(id) else { return false }
            guard owners.contains(where: { $0.description < id.description }) else { return false }
            return try directory.facts(of: name)?.size ?? 0 > 0
        }
    }

    /// Removes a part under its lock, so that an attempt which has just opened it notices.
    private static func remove(_ name: String, in directory: DownloadDirectory) throws -> Bool {
        guard case .ours(let part) = try PartFile.find(name, in: directory) else { return false }
        try part.remove()
        return true
    }
}
