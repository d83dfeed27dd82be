// The description of a job: its payload, its wire name and its defaults.

/// A unit of work: a payload and the wire name under which it is queued.
///
/// A job does not refer to its handler, so a producer links no worker code. The payload is encoded as JSON.
///
/// ```swift
/// struct SendReceipt: Job {
///     static let name = "send-receipt"
///     static var defaults: JobDefaults { JobDefaults(queue: "mail", maxRetries: 5, timeout: .seconds(30)) }
///     var order: Int
/// }
/// ```
public protocol Job: Codable, Sendable {
    /// The type of the handler's output, which the queue stores as the job's result.
    associatedtype Output: Codable & Sendable = Empty

    /// The wire name, 1 to 128 bytes without control characters.
    ///
    /// It is explicit so that it survives a rename of the type.
    static var name: String { get }

    /// The values that a push uses when the caller passes none.
    static var defaults: JobDefaults { get }
}

extension Job {
    /// The queue `default`, three retries after 1 s, 2 s and 4 s, no timeout.
    public static var defaults: JobDefaults { JobDefaults() }
}

/// The output of a job without a result.
///
/// ```swift
/// struct GreetHandler: JobHandler {
///     func run(_ job: Greet, context: JobContext) async throws -> Empty {
///         context.logger.info("Hello, \(job.who)")
///         return Empty()
///     }
/// }
/// ```
public struct Empty: Codable, Sendable, Hashable {
    /// Creates the only value.
    public init() {}
}

/// The default options for pushes of one type of job.
///
/// ```swift
/// let defaults = JobDefaults(queue: "mail", priority: 10, maxRetries: 5, timeout: .seconds(30))
/// ```
public struct JobDefaults: Sendable, Hashable {
    /// The queue's name.
    public var queue: String
    /// −1000 to 1000; a larger number runs first.
    public var priority: Int
    /// The number of retries after the first attempt, 0 to 100.
    public var maxRetries: Int
    /// The delay before each retry.
    public var retryPolicy: RetryPolicy
    /// The time limit of one attempt; `nil` is unlimited.
    public var timeout: Duration?

    /// Creates defaults; each omitted value is that of the service.
    ///
    /// - Parameters:
    ///   - queue: the queue's name.
    ///   - priority: −1000 to 1000; larger runs first.
    ///   - maxRetries: retries after the first attempt, 0 to 100.
    ///   - retryPolicy: the delay before each retry; 1 s, 2 s, 4 s and so on by default.
    ///   - timeout: the time limit of one attempt; `nil` is unlimited.
    public init(
        queue: String = "default",
        priority: Int = 0,
        maxRetries: Int = 3,
        retryPolicy: RetryPolicy = .standard,
        timeout: Duration? = nil
    ) {
        self.queue = queue
        self.priority = priority
        self.maxRetries = maxRetries
        self.retryPolicy = retryPolicy
        self.timeout = timeout
    }
}
