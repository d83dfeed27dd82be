// The rules of downloads as the HTTP surface needs them; the process brings them in.

public import MartletJobs

/// What is done when another file, or another download, has a download's name.
public enum NameConflict: String, Sendable, CaseIterable {
    /// The file gets a number behind its name.
    case rename
    /// The download fails, before it fetches anything where that can be known.
    case error
    /// The file takes the place of the other one.
    case replace
}

/// What a client asks to download; either a URL or a track id is there.
public struct DownloadRequest: Sendable, Hashable {
    /// Where from.
    public var url: String?
    /// Or which track, for the server's source template.
    public var trackID: String?
    /// The file's name, where the client wants one.
    public var filename: String?
    /// `sha256:…`, where the client knows it.
    public var checksum: String?
    /// The most bytes, where the client limits it.
    public var maxBytes: Int?
    /// The highest speed, where the client limits it.
    public var bytesPerSecond: Int?
    /// What to do when the name is taken, where the client says so.
    public var onConflict: NameConflict?
    /// The id that the download will have.
    public var id: JobID

    /// A request for what is named.
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

/// A field of a request that the rules refuse.
public struct DownloadRefusal: Error, Sendable, Hashable {
    /// The field's name in JSON: `url`, `track_id`, `filename`, `checksum`, `max_bytes` or `bytes_per_second`.
    public var field: String
    /// What is wrong and what is expected.
    public var detail: String

    /// A refusal of one field.
    public init(field: String, detail: String) {
        self.field = field
        self.detail = detail
    }
}

/// What becomes of a request.
public struct DownloadPlan: Sendable, Hashable {
    /// The payload of the job.
    public var payload: [UInt8]
    /// The name that the file will have unless another one has it.
    public var filename: String
    /// The source, in one spelling for all that mean the same.
    public var source: String

    /// A plan.
    public init(payload: [UInt8], filename: String, source: String) {
        self.payload = payload
        self.filename = filename
        self.source = source
    }
}

/// What a download's payload and result say of it.
public struct DownloadFacts: Sendable, Hashable {
    /// Where from, as it may be shown: the URL of a track lacks its query.
    public var url: String
    /// The file's name; the final one once the download is complete.
    public var filename: String
    /// The track, where there is one.
    public var trackID: String?
    /// `sha256:…`, where it is known.
    public var checksum: String?
    /// The file's size, once the download is complete.
    public var totalBytes: Int?

    /// Facts as they are shown.
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

/// The rules of downloads: how a request becomes a payload, and how a payload reads.
public struct DownloadCatalog: Sendable {
    /// The wire name of the download job.
    public var type: String
    /// What becomes of a request, or the field that the rules refuse.
    public var plan: @Sendable (DownloadRequest) throws(DownloadRefusal) -> DownloadPlan
    /// The name with a number behind it, for a file whose own name is taken.
    public var numbered: @Sendable (_ filename: String, _ number: Int) -> String
    /// The payload of a download with another name or another word for what happens when it is taken; throws where the
    /// rules refuse them, `nil` when the payload is not a download's.
    public var renamed:
        @Sendable (_ payload: [UInt8], _ filename: String?, _ onConflict: NameConflict?) throws(DownloadRefusal) ->
            [UInt8]?
    /// What a payload, and the result of a completed job, say; `nil` when they are not a download's.
    public var facts: @Sendable (_ payload: [UInt8], _ output: [UInt8]?) -> DownloadFacts?

    /// A catalog over these rules.
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
