// The settings of a worker's downloads.

/// The settings of a worker's downloads.
///
/// ```swift
/// var configuration = DownloadConfiguration(directory: "/var/lib/martlet/downloads")
/// configuration.maxBytes = 1 << 30
/// configuration.globalBytesPerSecond = 10 << 20
/// let handler = DownloadHandler(configuration)
/// ```
public struct DownloadConfiguration: Sendable {
    /// The directory for finished files and part files; created if missing.
    public var directory: String
    /// The largest file in bytes; 10 GiB by default.
    ///
    /// A job may set a smaller limit.
    public var maxBytes: Int64 = 10 << 30
    /// Whether private, loopback and link-local addresses may be reached; false by default.
    public var allowPrivateAddresses = false
    /// The template of track URLs; without it, downloads of tracks are released for a worker that has one.
    public var tracks: TrackTemplate?
    /// The most bytes that a crash can lose; 16 MiB by default.
    ///
    /// Saves start twice as often.
    public var checkpointBytes: Int64 = 16 << 20
    /// The most seconds of received bytes that a crash can lose; 5 s by default.
    ///
    /// Saves start twice as often.
    public var checkpointInterval: Duration = .seconds(5)
    /// How long a server may send nothing; 30 s by default.
    public var stallTimeout: Duration = .seconds(30)
    /// The lowest average speed of a server over each ``minSpeedWindow`` of waiting, in bytes per second; 0 allows any.
    public var minBytesPerSecond: Int64 = 1024
    /// The window of ``minBytesPerSecond``; 30 s by default.
    public var minSpeedWindow: Duration = .seconds(30)
    /// The speed that determines an attempt's deadline, in bytes per second; 0 sets none.
    ///
    /// Waiting for the server may take 10 minutes plus the time that the received bytes take at this speed.
    public var deadlineBytesPerSecond: Int64 = 16 << 10
    /// The slots that downloads of one host keep while other hosts wait; 2 by default, 0 sets no share.
    public var maxPerHost = 2
    /// Reads a snapshot of the download queue; called at most once per second, and only while shares matter.
    ///
    /// Returns `nil` when the queue cannot be read. Without it, hosts have no shares.
    public var snapshot: (@Sendable () async -> DownloadQueueSnapshot?)?
    /// Called when a download yields its slot to another host; must be quick.
    public var gaveWay: (@Sendable () -> Void)?
    /// The time limit for connecting; 10 s by default.
    public var connectTimeout: Duration = .seconds(10)
    /// The most redirects to follow; 5 by default.
    public var maxRedirects = 5
    /// The speed limit of all downloads of this process, in bytes per second; `nil`, the default, is unlimited.
    public var globalBytesPerSecond: Int64?
    /// The value of the `User-Agent` header.
    public var userAgent = "martlet/1"
    /// A PEM file of trusted certificate authorities, instead of the system's.
    public var trustRootsFile: String?
    /// Called with the size of each received chunk, for a counter; must be quick.
    public var bytesReceived: (@Sendable (Int) -> Void)?

    /// Creates the default settings.
    ///
    /// - Parameter directory: the directory for finished files and part files; created if missing.
    public init(directory: String) { self.directory = directory }
}
