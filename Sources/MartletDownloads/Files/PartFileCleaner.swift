// Removes the part files of finished jobs.

import FoundationEssentials
public import MartletJobs

/// Removes the part files of jobs that are finished or unknown.
///
/// Run it when a worker starts and every minute. Parts whose writer still holds the lock, and files that are not parts,
/// stay.
///
/// ```swift
/// let cleaner = PartFileCleaner(directory: "/var/lib/martlet/downloads") { ids in
///     var live: Set<JobID> = []
///     for job in try await downloads.jobs(ids).compactMap({ $0 }) where !job.state.isFinal { live.insert(job.id) }
///     return live
/// }
/// let removed = try await cleaner.clean()
/// ```
public struct PartFileCleaner: Sendable {
    private static let batchSize = 500

    private let path: String
    private let isLive: @Sendable ([JobID]) async throws -> Set<JobID>

    /// Creates a cleaner for a directory.
    ///
    /// - Parameters:
    ///   - directory: the download directory.
    ///   - isLive: returns those of the ids whose jobs are neither finished nor unknown; called with at most 500 ids.
    public init(directory: String, isLive: @escaping @Sendable ([JobID]) async throws -> Set<JobID>) {
        path = directory
        self.isLive = isLive
    }

    /// Scans the directory once.
    ///
    /// - Returns: the names of the removed part files.
    /// - Throws: the error of `isLive`, before anything is removed, or an error of the file system.
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
        // A name with dots has several readings; the part is dead only when none of them is live.
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
        return try DownloadDirectory(path: path).names().sorted()
    }

    /// Whether a part with bytes belongs to a job with an earlier id.
    static func hasOlderPart(than id: JobID, in path: String) throws -> Bool {
        let directory = try DownloadDirectory(path: path)
        return try list(path).contains { name in
            let owners = PartName.candidates(in: name)
            guard !owners.isEmpty, !owners.contains(id) else { return false }
            guard owners.contains(where: { $0.description < id.description }) else { return false }
            return try directory.facts(of: name)?.size ?? 0 > 0
        }
    }

    /// Removes a part under its lock, so that an attempt that has just opened it notices.
    private static func remove(_ name: String, in directory: DownloadDirectory) throws -> Bool {
        guard case .ours(let part) = try PartFile.find(name, in: directory) else { return false }
        try part.remove()
        return true
    }
}
