// Runs downloads: the handler that a worker registers, and what its copies share.

public import MartletJobs
import Synchronization

/// Runs ``DownloadJob``s: streams each file into a part file, resumes, checks and gives it its final name.
///
/// Copies share the global speed limit and ``shutdown()``. Each transfer has a connection of its own that is closed when
/// the attempt ends. Errors are ``DownloadError``; an orderly stop keeps the bytes and throws `CancellationError`.
public struct DownloadHandler: JobHandler {
    /// The type of job that this handler runs.
    public typealias Payload = DownloadJob

    let dependencies: DownloadDependencies

    /// A handler with these settings.
    public init(_ configuration: DownloadConfiguration) {
        dependencies = DownloadDependencies(configuration, resolver: .system, policy: nil)
    }

    /// The same with a resolver and a policy of a test's choice.
    init(_ configuration: DownloadConfiguration, resolver: AddressResolver, policy: AddressPolicy?) {
        dependencies = DownloadDependencies(configuration, resolver: resolver, policy: policy)
    }

    /// Runs one attempt and returns the finished file's facts.
    @concurrent
    public func run(_ job: DownloadJob, context: JobContext) async throws -> DownloadResult {
        try context.checkStop()
        if dependencies.isClosed.isSet { throw JobOutcome.release() }
        let url: DownloadURL
        do {
            url = try DownloadURL(job.url, allowPrivateAddresses: dependencies.configuration.allowPrivateAddresses)
            guard try FileNames.checked(job.filename) == job.filename else {
                throw DownloadRuleError(field: "filename", message: "must be at most \(FileNames.longest) bytes long")
            }
            if let checksum = job.checksum { _ = try DownloadRequestRules.checksum(checksum) }
        } catch let error as DownloadRuleError {
            throw DownloadError(error)
        }
        let attempt = DownloadAttempt(job: job, context: context, url: url, dependencies: dependencies)
        guard let hosts = dependencies.hosts else { return try await attempt.run() }
        return try await hosts.inSlot(of: url.host, context.id, stopReason: { context.stopReason }) {
            try await attempt.run()
        }
    }

    /// Begins no further attempt: a job that comes later is given back to its queue; attempts under way go on.
    public func shutdown() async { dependencies.isClosed.set() }
}

/// A mark that is set once.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}

/// What the attempts of a process share.
struct DownloadDependencies: Sendable {
    let configuration: DownloadConfiguration
    let fetcher: Fetcher
    let globalLimit: SharedBucket?
    /// How slots are shared between hosts; `nil` when they are not.
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
