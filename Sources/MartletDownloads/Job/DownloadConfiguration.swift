// The settings of a worker's downloads.

/// The settings of a worker's downloads.
public struct DownloadConfiguration: Sendable {
    /// Where finished files and their parts stand; made when it is missing.
    public var directory: String
    /// The largest file in bytes, 10 GiB at first; a job may set a smaller limit.
    public var maxBytes: Int64 = 10 << 30
    /// Whether private, loopback and link-local addresses may be reached.
    public var allowPrivateAddresses = false
    /// How many bytes a crash can cost, 16 MiB at first: saves begin twice as often.
    public var checkpointBytes: Int64 = 16 << 20
    /// How long's worth of bytes a crash can cost: while bytes arrive saves begin twice as often.
    public var checkpointInterval: Duration = .seconds(5)
    /// How long a server may send nothing.
    public var stallTimeout: Duration = .seconds(30)
    /// The lowest average speed of a server over each ``minSpeedWindow`` of waiting for it, in bytes a second; 0 allows
    /// any.
    public var minBytesPerSecond: Int64 = 1024
    /// The window of ``minBytesPerSecond``.
    public var minSpeedWindow: Duration = .seconds(30)
    /// The speed that sets the deadline of an attempt, in bytes a second; 0 sets none.
    ///
    /// Waiting for the server may take 10 minutes and the time that what has arrived so far takes at this speed.
    public var deadlineBytesPerSecond: Int64 = 16 << 10
    /// How many slots downloads of one host keep while those of other hosts wait; 0 sets no share.
    public var maxPerHost = 2
    /// What the queue of downloads looks like; asked at most once a second, and only while a share may matter.
    ///
    /// Answers `nil` when it cannot be said. Without it hosts have no shares.
    public var snapshot: (@Sendable () async -> DownloadQueueSnapshot?)?
    /// Told each time that a download gives its slot to those of other hosts; must be quick.
    public var gaveWay: (@Sendable () -> Void)?
    /// How long making a connection may take.
    public var connectTimeout: Duration = .seconds(10)
    /// How many redirects are followed.
    public var maxRedirects = 5
    /// The speed limit of all downloads of this process together, in bytes a second; `nil` means none.
    public var globalBytesPerSecond: Int64?
    /// What the `User-Agent` header says.
    public var userAgent = "martlet/1"
    /// A file of certificate authorities in PEM to trust instead of the system's.
    public var trustRootsFile: String?
    /// Told the number of bytes of each chunk that arrived, for a counter; must be quick.
    public var bytesReceived: (@Sendable (Int) -> Void)?

    /// The settings at first, with files in `directory`.
    public init(directory: String) { self.directory = directory }
}
