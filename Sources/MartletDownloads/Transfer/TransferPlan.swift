// What an attempt does before it asks the server: decided from the checkpoint and the files alone.

/// What stands under the final name.
enum TargetState: Equatable, Sendable {
    case absent
    case file(size: Int64)
    /// A directory, a link or something else that is no plain file.
    case other
}

/// How an attempt begins.
enum AttemptStart: Equatable, Sendable {
    /// There is nothing to go on with.
    case fresh
    /// An earlier attempt left a part file.
    case resume(part: String)
    /// The target may be what an earlier attempt finished, or what the caller's checksum asks for: complete if it hashes
    /// to that.
    case confirm(FinalFile)
    /// Another file has the name.
    case occupied

    /// `target` is what stands under ``finalName(of:_:)``.
    init(checkpoint: DownloadCheckpoint?, target: TargetState, job: DownloadJob, id: String) {
        switch target {
        case .absent: self = .beginning(checkpoint, id: id)
        case .file(let size):
            if let final = checkpoint?.final, final.name == Self.finalName(of: job, checkpoint), final.size == size {
                self = .confirm(final)
            } else if let sum = job.checksum?.lowercased().dropFirst("sha256:".count) {
                let name = Self.finalName(of: job, checkpoint)
                self = .confirm(FinalFile(name: name, size: size, sha256: String(sum)))
            } else {
                self = job.onConflict == .error ? .occupied : .beginning(checkpoint, id: id)
            }
        case .other: self = (job.onConflict ?? .rename) == .rename ? .beginning(checkpoint, id: id) : .occupied
        }
    }

    /// From the part file of an earlier attempt, if there is one.
    static func beginning(_ checkpoint: DownloadCheckpoint?, id: String) -> AttemptStart {
        guard let part = checkpoint?.part, PartName.isPart(part, of: id) else { return .fresh }
        return .resume(part: part)
    }

    /// The name that an earlier attempt gave the file or was about to give it, else the one that was asked for.
    static func finalName(of job: DownloadJob, _ checkpoint: DownloadCheckpoint?) -> String {
        guard let name = checkpoint?.final?.name, FileNames.number(of: name, from: job.filename) != nil else {
            return job.filename
        }
        return name
    }
}

/// What is in the part file once it is locked.
struct PartContents: Equatable, Sendable {
    /// How many bytes were read, never more than the checkpoint names.
    var count: Int64
    /// Their SHA-256.
    var sum: String
}

/// What an attempt asks the server for.
enum Request: Equatable, Sendable {
    /// Nothing: every byte is here.
    case nothing
    /// The whole file.
    case whole
    /// The bytes from an offset on, if the version is still the same.
    case rest(from: Int64, ifRange: String)

    /// From the checkpoint and the bytes that are really there.
    init(checkpoint: DownloadCheckpoint, held: PartContents) {
        // Bytes that are missing or differ mean that the file is not the one which the checkpoint describes.
        guard held.count == checkpoint.offset, checkpoint.sum == nil || checkpoint.sum == held.sum else {
            self = .whole
            return
        }
        if let final = checkpoint.final, final.size == held.count, final.sha256 == held.sum {
            self = .nothing
        } else if let total = checkpoint.total, total == held.count, total > 0 {
            self = .nothing
        } else if held.count > 0, let ifRange = checkpoint.version?.ifRange {
            self = .rest(from: held.count, ifRange: ifRange)
        } else {
            self = .whole
        }
    }

    /// How many of the held bytes stay.
    func kept(of held: PartContents) -> Int64 {
        switch self {
        case .nothing, .rest: held.count
        case .whole: 0
        }
    }
}
