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

    /// The file's URL or track.
    public var source: DownloadSource
    /// The file's name in the download directory, chosen when the job is pushed.
    public var filename: String
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
    ///   - source: the file's URL or track.
    ///   - filename: the file's name in the download directory.
    ///   - checksum: `sha256:` and 64 hexadecimal digits; `nil` checks no digest.
    ///   - maxBytes: the largest accepted size in bytes; `nil` applies the worker's limit only.
    ///   - bytesPerSecond: the speed limit in bytes per second; `nil` applies the worker's limit only.
    ///   - onConflict: what to do when another file has the name.
    public init(
        source: DownloadSource, filename: String, checksum: String? = nil, maxBytes: Int64? = nil,
        bytesPerSecond: Int64? = nil, onConflict: NameConflict? = nil
    ) {
        self.source = source
        self.filename = filename
        self.checksum = checksum
        self.maxBytes = maxBytes
        self.bytesPerSecond = bytesPerSecond
        self.onConflict = onConflict
    }

    /// Creates a download of a URL without validation; use ``DownloadRequestRules`` for external values.
    ///
    /// - Parameters:
    ///   - url: the absolute `http` or `https` URL.
    ///   - filename: the file's name in the download directory.
    ///   - checksum: `sha256:` and 64 hexadecimal digits; `nil` checks no digest.
    ///   - maxBytes: the largest accepted size in bytes; `nil` applies the worker's limit only.
    ///   - bytesPerSecond: the speed limit in bytes per second; `nil` applies the worker's limit only.
    ///   - onConflict: what to do when another file has the name.
    public init(
        url: String, filename: String, checksum: String? = nil, maxBytes: Int64? = nil, bytesPerSecond: Int64? = nil,
        onConflict: NameConflict? = nil
    ) {
        self.init(
            source: .url(url), filename: filename, checksum: checksum, maxBytes: maxBytes,
            bytesPerSecond: bytesPerSecond, onConflict: onConflict)
    }
}

/// Where a download's file comes from.
///
/// ```swift
/// switch job.source {
/// case .url(let url): print(url)
/// case .track(let id): print("track \(id)")
/// }
/// ```
public enum DownloadSource: Sendable, Hashable {
    /// An absolute `http` or `https` URL.
    case url(String)
    /// The id of a track. The worker makes the URL from its ``TrackTemplate``, whose secrets are therefore never stored.
    case track(String)
}

/// What to do when another file has a download's name.
///
/// ```swift
/// let job = try DownloadRequestRules().job(url: "https://example.com/a.flac", onConflict: .replace)
/// ```
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
