// The built-in job: fetch one file from one URL into the download directory.

import FoundationEssentials
public import MartletJobs

/// Fetches one file over HTTP into the download directory of the worker that runs it.
///
/// Make it with ``DownloadRequestRules``, which checks every field and fixes the file's name.
public struct DownloadJob: Job, Hashable {
    /// What a finished download says of its file.
    public typealias Output = DownloadResult

    /// The wire name, `download`.
    public static let name = "download"

    /// The queue `downloads`, three retries after 1 s, 2 s and 4 s, no timeout.
    public static var defaults: JobDefaults { JobDefaults(queue: "downloads") }

    /// Where the file is, an absolute `http` or `https` URL.
    public var url: String
    /// The file's name within the download directory, fixed when the job is pushed.
    public var filename: String
    /// The caller's own id of the track, when the URL was made from one.
    public var trackID: String?
    /// What the file must hash to, `sha256:` and 64 hexadecimal digits.
    public var checksum: String?
    /// The largest size in bytes that is accepted, below the worker's own limit.
    public var maxBytes: Int64?
    /// The speed limit of this job in bytes a second.
    public var bytesPerSecond: Int64?

    /// What is done when another file has the name; `nil` is ``NameConflict/rename``.
    public var onConflict: NameConflict?

    /// A download; the fields are taken as they are, so check them with ``DownloadRequestRules`` first.
    public init(
        url: String, filename: String, trackID: String? = nil, checksum: String? = nil, maxBytes: Int64? = nil,
        bytesPerSecond: Int64? = nil, onConflict: NameConflict? = nil
    ) {
        self.url = url
        self.filename = filename
        self.trackID = trackID
        self.checksum = checksum
        self.maxBytes = maxBytes
        self.bytesPerSecond = bytesPerSecond
        self.onConflict = onConflict
    }

    /// The URL as it may be shown: the query of a track's URL comes from the service's template and may hold a secret.
    public var shownURL: String { trackID == nil ? url : String(url.prefix { $0 != "?" }) }

    /// The host that a payload of this type downloads from, in lower case; `nil` when it cannot be read.
    public static func host(ofPayload payload: [UInt8]) -> String? {
        guard let job = try? JSONDecoder().decode(DownloadJob.self, from: Data(payload)) else { return nil }
        return (try? DownloadURL(job.url, allowPrivateAddresses: true))?.host
    }

    private enum CodingKeys: String, CodingKey {
        case url, filename, checksum
        case trackID = "track_id"
        case maxBytes = "max_bytes"
        case bytesPerSecond = "bytes_per_second"
        case onConflict = "on_conflict"
    }
}

/// What is done when another file has a download's name.
public enum NameConflict: String, Codable, Sendable, CaseIterable {
    /// The file gets a number behind its name.
    case rename
    /// The download fails, before it fetches anything where that can be known.
    case error
    /// The file takes the place of the other one.
    case replace
}

/// What a finished download says of its file.
public struct DownloadResult: Codable, Sendable, Hashable {
    /// The file's name within the download directory.
    public var filename: String
    /// The file's size in bytes.
    public var bytes: Int64
    /// The file's SHA-256, 64 lower-case hexadecimal digits.
    public var sha256: String

    /// The facts of a finished file.
    public init(filename: String, bytes: Int64, sha256: String) {
        self.filename = filename
        self.bytes = bytes
        self.sha256 = sha256
    }
}
