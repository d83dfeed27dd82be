// Which events a listener wants.

public import MartletJobs

/// Which events a listener wants; every condition that is set must hold.
///
/// ```swift
/// let filter = EventFilter(jobs: [id], kinds: [.progress, .completed])
/// ```
public struct EventFilter: Sendable {
    /// Whether the events of a queue are meant, also of one that does not exist yet.
    public var queues: @Sendable (QueueName) -> Bool
    /// The types of jobs; `nil` means all, and events of queues.
    public var types: Set<String>?
    /// The jobs; `nil` means all, and events of queues.
    public var jobs: Set<JobID>?
    /// The kinds of events; `nil` means all.
    public var kinds: Set<QueueEvent.Kind>?

    /// Creates a filter.
    ///
    /// - Parameters:
    ///   - queues: whether the events of a queue are meant; all by default.
    ///   - types: the types of jobs.
    ///   - jobs: the jobs.
    ///   - kinds: the kinds of events.
    public init(
        queues: @escaping @Sendable (QueueName) -> Bool = { _ in true }, types: Set<String>? = nil,
        jobs: Set<JobID>? = nil, kinds: Set<QueueEvent.Kind>? = nil
    ) {
        self.queues = queues
        self.types = types
        self.jobs = jobs
        self.kinds = kinds
    }

    /// Whether an event is wanted, as far as can be said without the job's type.
    func mayMean(_ event: QueueEvent) -> Bool {
        if let kinds, !kinds.contains(event.kind) { return false }
        if let jobs, !(event.job.map(jobs.contains) ?? false) { return false }
        return types == nil || event.job != nil
    }
}
