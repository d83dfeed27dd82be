// Decides what an attempt does before its request, from the checkpoint and the files alone.

/// What exists under the final name.
enum TargetState: Equatable, Sendable {
    case absent
    case file(size: Int64)
    /// A directory, a link, or another non-regular file.
    case other
}

/// How an attempt starts.
enum AttemptStart: Equatable, Sendable {
    /// There is nothing to resume.
    case fresh
    /// An earlier attempt left a part file.
    case resume(part: String)
    /// The target may be the result of an earlier attempt, or match the requested checksum: complete if its digest
    /// matches.
    case confirm(FinalFile)
    /// Another file has the name.
    case occupied

    /// `target` is what exists under ``finalName(of:_:)``.
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

    /// Resumes the part file of an earlier attempt, if there is one.
    static func beginning(_ checkpoint: DownloadCheckpoint?, id: String) -> AttemptStart {
        guard let part = checkpoint?.part, PartName.isPart(part, of: id) else { return .fresh }
        return .resume(part: part)
    }

    /// The name that an earlier attempt gave or was about to give the file, else the requested name.
    static func finalName(of job: DownloadJob, _ checkpoint: DownloadCheckpoint?) -> String {
        guard let name = checkpoint?.final?.name, FileNames.number(of: name, from: job.filename) != nil else {
            return job.filename
        }
        return name
    }
}

/// The contents of a locked part file.
struct PartContents: Equatable, Sendable {
    /// The number of bytes read, at most the checkpoint's offset.
    var count: Int64
    /// Their SHA-256.
    var sum: String
}

/// What an attempt requests.
enum Request: Equatable, Sendable {
    /// Nothing: all bytes are there.
    case nothing
    /// The whole file.
    case whole
    /// The bytes from an offset, if the version is unchanged.
    case rest(from: Int64, ifRange: String)

    /// Compares the checkpoint with the actual bytes.
    init(checkpoint: DownloadCheckpoint, held: PartContents) {
        // Missing or different bytes mean that the file is not the one in the checkpoint.
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

    /// How many existing bytes are kept.
    func kept(of held: PartContents) -> Int64 {
        switch self {
        case .nothing, .rest: held.count
        case .whole: 0
        }
    }
}
