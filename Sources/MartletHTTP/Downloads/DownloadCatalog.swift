// The rules of downloads, as the HTTP API needs them; the process provides them.

public import MartletJobs

/// What to do when another file or download has a download's name.
public enum NameConflict: String, Sendable, CaseIterable {
    /// Append a number to the file's name.
    case rename
    /// Fail the download, before fetching anything if possible.
    case error
    /// Replace the other file.
    case replace
}

/// A client's download request, with either a URL or a track id.
public struct DownloadRequest: Sendable, Hashable {
    /// The URL.
    public var url: String?
    /// The track id, for the server's URL template.
    public var trackID: String?
    /// The file's name, if the client chose one.
    public var filename: String?
    /// `sha256:…`, if the client knows it.
    public var checksum: String?
    /// The size limit in bytes, if the client sets one.
    public var maxBytes: Int?
    /// The speed limit in bytes per second, if the client sets one.
    public var bytesPerSecond: Int?
    /// What to do when the name is taken, if the client chose it.
    public var onConflict: NameConflict?
    /// The id of the download.
    public var id: JobID

    /// Creates a request.
    ///
    /// - Parameters:
    ///   - url: the URL.
    ///   - trackID: the track id, for the server's URL template.
    ///   - filename: the file's name, if the client chose one.
    ///   - checksum: `sha256:…`, if the client knows it.
    ///   - maxBytes: the size limit in bytes, if the client sets one.
    ///   - bytesPerSecond: the speed limit in bytes per second, if the client sets one.
    ///   - onConflict: what to do when the name is taken, if the client chose it.
    ///   - id: the id of the download.
    public init(
        url: String? = nil, trackID: String? = nil, filename: String? = nil, checksum: String? = nil,
        maxBytes: Int? = nil, bytesPerSecond: Int? = nil, onConflict: NameConflict? = nil, id: JobID
    ) {
        self.url = url
        self.trackID = trackID
        self.filename = filename
        self.checksum = checksum
        self.maxBytes = maxBytes
        self.bytesPerSecond = bytesPerSecond
        self.onConflict = onConflict
        self.id = id
    }
}

/// A field that the rules refuse.
public struct DownloadRefusal: Error, Sendable, Hashable {
    /// The JSON field: `url`, `track_id`, `filename`, `checksum`, `max_bytes` or `bytes_per_second`.
    public var field: String
    /// What is wrong and what is expected.
    public var detail: String

    /// Creates a refusal.
    ///
    /// - Parameters:
    ///   - field: the JSON field.
    ///   - detail: what is wrong and what is expected.
    public init(field: String, detail: String) {
        self.field = field
        self.detail = detail
    }
}

/// The job for a request.
public struct DownloadPlan: Sendable, Hashable {
    /// The job's payload.
    public var payload: [UInt8]
    /// The file's name, unless another file has it.
    public var filename: String
    /// The source in canonical spelling.
    public var source: String

    /// Creates a plan.
    ///
    /// - Parameters:
    ///   - payload: the job's payload.
    ///   - filename: the file's name, unless another file has it.
    ///   - source: the source in canonical spelling.
    public init(payload: [UInt8], filename: String, source: String) {
        self.payload = payload
        self.filename = filename
        self.source = source
    }
}

/// The facts in a download's payload and result.
public struct DownloadFacts: Sendable, Hashable {
    /// The URL for display; without its query for a track.
    public var url: String
    /// The file's name; the final one once the download is complete.
    public var filename: String
    /// The track id, if any.
    public var trackID: String?
    /// `sha256:…`, if known.
    public var checksum: String?
    /// The file's size, once the download is complete.
    public var totalBytes: Int?

    /// Creates facts.
    ///
    /// - Parameters:
    ///   - url: the URL for display.
    ///   - filename: the file's name.
    ///   - trackID: the track id, if any.
    ///   - checksum: `sha256:…`, if known.
    ///   - totalBytes: the file's size, once the download is complete.
    public init(
        url: String, filename: String, trackID: String? = nil, checksum: String? = nil, totalBytes: Int? = nil
    ) {
        self.url = url
        self.filename = filename
        self.trackID = trackID
        self.checksum = checksum
        self.totalBytes = totalBytes
    }
}

/// The rules of downloads: how requests become payloads, and how payloads are read.
public struct DownloadCatalog: Sendable {
    /// The wire name of the download job.
    public var type: String
    /// The plan for a request, or the refused field.
    public var plan: @Sendable (DownloadRequest) throws(DownloadRefusal) -> DownloadPlan
    /// The name with a number, for a file whose name is taken.
    public var numbered: @Sendable (_ filename: String, _ number: Int) -> String
    /// The payload with another name or conflict rule; throws when the rules refuse them, `nil` when the payload is not
    /// a download's.
    public var renamed:
        @Sendable (_ payload: [UInt8], _ filename: String?, _ onConflict: NameConflict?) throws(DownloadRefusal) ->
            [UInt8]?
    /// The facts in a payload and the result of a completed job; `nil` when they are not a download's.
    public var facts: @Sendable (_ payload: [UInt8], _ output: [UInt8]?) -> DownloadFacts?

    /// Creates a catalog from these rules.
    ///
    /// - Parameters:
    ///   - type: the wire name of the download job.
    ///   - plan: the plan for a request, or the refused field.
    ///   - numbered: the name with a number, for a file whose name is taken.
    ///   - renamed: the payload with another name or conflict rule.
    ///   - facts: the facts in a payload and a result.
    public init(
        type: String, plan: @escaping @Sendable (DownloadRequest) throws(DownloadRefusal) -> DownloadPlan,
        numbered: @escaping @Sendable (_ filename: String, _ number: Int) -> String,
        renamed:
            @escaping @Sendable (_ payload: [UInt8], _ filename: String?, _ onConflict: NameConflict?)
            throws(DownloadRefusal) -> [UInt8]?,
        facts: @escaping @Sendable (_ payload: [UInt8], _ output: [UInt8]?) -> DownloadFacts?
    ) {
        self.type = type
        self.plan = plan
        self.numbered = numbered
        self.renamed = renamed
        self.facts = facts
    }
}
