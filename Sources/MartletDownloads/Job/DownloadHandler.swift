// The handler that runs downloads, and the dependencies that its copies share.

public import MartletJobs
import Synchronization

/// Runs ``DownloadJob``s: streams each file into a part file, resumes, verifies and renames it.
///
/// Copies share the global speed limit and ``shutdown()``. Each transfer uses its own connection, which closes with the
/// attempt. Errors are ``DownloadError``; a stop keeps the bytes and throws `CancellationError`.
///
/// ```swift
/// let worker = Worker(store, queues: ["downloads": 4]) {
///     DownloadHandler(DownloadConfiguration(directory: "/var/lib/martlet/downloads"))
/// }
/// ```
public struct DownloadHandler: JobHandler {
    /// The type of job that this handler runs.
    public typealias Payload = DownloadJob

    let dependencies: DownloadDependencies

    /// Creates a handler.
    ///
    /// - Parameter configuration: the settings.
    public init(_ configuration: DownloadConfiguration) {
        dependencies = DownloadDependencies(configuration, resolver: .system, policy: nil)
    }

    /// Creates a handler with a resolver and policy for tests.
    init(_ configuration: DownloadConfiguration, resolver: AddressResolver, policy: AddressPolicy?) {
        dependencies = DownloadDependencies(configuration, resolver: resolver, policy: policy)
    }

    /// Runs one attempt.
    ///
    /// - Parameters:
    ///   - job: the download.
    ///   - context: the attempt's context.
    /// - Returns: name, size and digest of the finished file.
    /// - Throws: ``DownloadError``, or `CancellationError` after a stop.
    @concurrent
    public func run(_ job: DownloadJob, context: JobContext) async throws -> DownloadResult {
        try context.checkStop()
        if dependencies.isClosed.isSet { throw JobOutcome.release() }
        let url: DownloadURL
        do {
            url = try self.url(of: job.source)
            guard try FileNames.checked(job.filename) == job.filename else {
                throw DownloadRuleError(field: "filename", message: "must be at most \(FileNames.longest) bytes long")
            }
            if let checksum = job.checksum { _ = try DownloadRequestRules.checksum(checksum) }
        } catch let error as DownloadRuleError {
            throw DownloadError(error)
        }
        let attempt = DownloadAttempt(job: job, context: context, url: url, dependencies: dependencies)
        guard let hosts = dependencies.hosts else { return try await attempt.run() }
        return try await hosts.inSlot(of: url.sharedHost, context.id, stopReason: { context.stopReason }) {
            try await attempt.run()
        }
    }

    /// The URL of a source by the rules of this worker.
    private func url(of source: DownloadSource) throws -> DownloadURL {
        let configuration = dependencies.configuration
        if case .track = source, configuration.tracks == nil { throw DownloadError.noTemplate }
        let rules = DownloadRequestRules(
            allowPrivateAddresses: configuration.allowPrivateAddresses, tracks: configuration.tracks)
        return try DownloadURL(rules.url(of: source), allowPrivateAddresses: rules.allowPrivateAddresses)
    }

    /// Starts no further attempts: later jobs are released to their queue; attempts in progress continue.
    public func shutdown() async { dependencies.isClosed.set() }
}

/// A flag that can be set once.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}

/// The dependencies that all attempts of a process share.
struct DownloadDependencies: Sendable {
    let configuration: DownloadConfiguration
    let fetcher: Fetcher
    let globalLimit: SharedBucket?
    /// Shares slots between hosts; `nil` without sharing.
    let hosts: HostTable?
    let isClosed = Flag()

    init(_ configuration: DownloadConfiguration, resolver: AddressResolver, policy: AddressPolicy?) {
        self.configuration = configuration
        let policy = policy ?? (configuration.allowPrivateAddresses ? .any : .publicOnly)
        fetcher = Fetcher(configuration: configuration, resolver: resolver, policy: policy)
        globalLimit = configuration.globalBytesPerSecond.map(SharedBucket.init)
        hosts = HostTable(configuration)
    }
}
