// The built-in download job: fetches one file from one URL into the download directory.

import FoundationEssentials
public import MartletJobs

/// Fetches one file over HTTP into the download directory of its worker.
///
/// Create it with ``DownloadRequestRules``, which validates every field and chooses the file's name.
///
/// ```swift
/// let job = try DownloadRequestRules().job(url: "https://example.com/a.flac", checksum: checksum)
/// try await downloads.enqueue(job)
/// ```
public struct DownloadJob: Job, Hashable {
    /// The result of a finished download.
    public typealias Output = DownloadResult

    /// The wire name, `download`.
    public static let name = "download"

    /// The queue `downloads`, three retries after 1 s, 2 s and 4 s, no timeout.
    public static var defaults: JobDefaults { JobDefaults(queue: "downloads") }

    /// The absolute `http` or `https` URL.
    public var url: String
    /// The file's name in the download directory, chosen when the job is pushed.
    public var filename: String
    /// The caller's track id, if the URL was made from one.
    public var trackID: String?
    /// The expected digest: `sha256:` and 64 hexadecimal digits.
    public var checksum: String?
    /// The largest accepted size in bytes, below the worker's limit.
    public var maxBytes: Int64?
    /// The speed limit of this job in bytes per second.
    public var bytesPerSecond: Int64?

    /// What to do when another file has the name; `nil` means ``NameConflict/rename``.
    public var onConflict: NameConflict?

    /// Creates a download without validation; use ``DownloadRequestRules`` for external values.
    ///
    /// - Parameters:
    ///   - url: the absolute `http` or `https` URL.
    ///   - filename: the file's name in the download directory.
    ///   - trackID: the caller's track id, if the URL was made from one.
    ///   - checksum: `sha256:` and 64 hexadecimal digits.
    ///   - maxBytes: the largest accepted size in bytes.
    ///   - bytesPerSecond: the speed limit in bytes per second.
    ///   - onConflict: what to do when another file has the name.
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

    /// The URL for display: a track's URL is shown without its query, which may hold a secret of the service.
    public var shownURL: String { trackID == nil ? url : String(url.prefix { $0 != "?" }) }

    /// The host that a payload of this type downloads from.
    ///
    /// - Parameter payload: the payload of a download job.
    /// - Returns: the host in lower case; `nil` when the payload cannot be read.
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

/// What to do when another file has a download's name.
public enum NameConflict: String, Codable, Sendable, CaseIterable {
    /// Append a number to the file's name.
    case rename
    /// Fail the download, before fetching anything if possible.
    case error
    /// Replace the other file.
    case replace
}

/// The result of a finished download.
///
/// ```swift
/// let result = try await job.result(within: .seconds(60))
/// print(result.filename, result.bytes, result.sha256)
/// ```
public struct DownloadResult: Codable, Sendable, Hashable {
    /// The file's name in the download directory.
    public var filename: String
    /// The file's size in bytes.
    public var bytes: Int64
    /// The file's SHA-256, 64 lower-case hexadecimal digits.
    public var sha256: String

    /// Creates a result.
    ///
    /// - Parameters:
    ///   - filename: the file's name in the download directory.
    ///   - bytes: the size in bytes.
    ///   - sha256: the SHA-256 as 64 lower-case hexadecimal digits.
    public init(filename: String, bytes: Int64, sha256: String) {
        self.filename = filename
        self.bytes = bytes
        self.sha256 = sha256
    }
}
