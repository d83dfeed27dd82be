// The reasons why a worker does not start.

import MartletQueue

/// A configuration error of a worker.
///
/// ```swift
/// do {
///     try await worker.run()
/// } catch let error as WorkerError {
///     print(error)  // what is wrong with the handlers or queues
/// }
/// ```
public enum WorkerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Two handlers run the same type of job; the values are the type and both handlers.
    case duplicateHandlers(type: String, String, String)
    /// A job's wire name is empty, longer than 128 bytes, or has control characters.
    case badTypeName(String, handler: String)
    /// The worker has no handlers.
    case noHandlers
    /// A queue's name does not match `^[a-z0-9][a-z0-9._-]{0,63}$`.
    case badQueueName(String)
    /// A queue has fewer than 1 or more than 10 000 slots.
    case badSlots(queue: String, Int)
    /// The worker has no queues.
    case noQueues

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .duplicateHandlers(let type, let first, let second):
            "two handlers for jobs of type \"\(type)\": \(first) and \(second); remove one of them"
        case .badTypeName(let type, let handler):
            "\(handler) handles a job whose name \(type.debugDescription) cannot be used; it \(NewJob.rule(for: "type"))"
        case .noHandlers: "the worker has no handlers; list at least one"
        case .badQueueName(let name): "\"\(name)\" is not a valid queue name; it \(QueueName.rule)"
        case .badSlots(let queue, let slots): "queue \(queue) has \(slots) slots; choose 1 to 10000"
        case .noQueues: "the worker has no queues; name at least one, for example [\"default\": 8]"
        }
    }
}
