// The words with which an author describes a job: its payload, its wire name and its defaults.

/// A unit of work as its producer sees it: the payload and the name under which it travels.
///
/// A job knows nothing of its handler, so a producer links no worker code. The payload is encoded as JSON.
public protocol Job: Codable, Sendable {
    /// What the handler returns and the queue keeps as the job's result.
    associatedtype Output: Codable & Sendable = Empty

    /// The wire name, 1 to 128 bytes. Written out so that it survives a rename of the type.
    static var name: String { get }

    /// What a push uses where the caller says nothing.
    static var defaults: JobDefaults { get }
}

extension Job {
    /// The queue `default`, three retries after 1 s, 2 s and 4 s, no timeout.
    public static var defaults: JobDefaults { JobDefaults() }
}

/// The result of a job that returns nothing.
public struct Empty: Codable, Sendable, Hashable {
    /// The only value.
    public init() {}
}

/// What a push of one type of job uses where the caller says nothing.
public struct JobDefaults: Sendable, Hashable {
    /// The queue's name.
    public var queue: String
    /// −1000 to 1000; a larger number runs first.
    public var priority: Int
    /// How often a failed attempt is tried again, 0 to 100.
    public var maxRetries: Int
    /// How long to wait before each retry.
    public var retryPolicy: RetryPolicy
    /// How long one attempt may run; `nil` means without limit.
    public var timeout: Duration?

    /// Defaults of the service, changed where the caller names a value.
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
