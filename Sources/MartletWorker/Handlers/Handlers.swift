// The list of handlers that an application gives to its worker.

public import MartletJobs

/// A list of handlers, made with ``HandlerBuilder``.
///
/// ```swift
/// let greetings = Handlers {
///     On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
/// }
/// let worker = Worker(store, queues: ["default": 8]) {
///     greetings
///     OnRaw("echo", returning: { payload, _ in payload })
/// }
/// ```
public struct Handlers: Sendable {
    var entries: [HandlerEntry]

    /// A list of handlers from a builder closure.
    ///
    /// - Parameter handlers: lists one handler per line; see ``HandlerBuilder``.
    public init(@HandlerBuilder _ handlers: () -> Handlers) { self = handlers() }

    init(entries: [HandlerEntry]) { self.entries = entries }
}

/// Builds ``Handlers`` from ``On`` and ``OnRaw`` closures, `JobHandler` values, and other lists, one per line.
///
/// ```swift
/// @HandlerBuilder func handlers(sendsMail: Bool) -> Handlers {
///     On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
///     if sendsMail { ReceiptHandler(mail: mail) }
/// }
/// ```
@resultBuilder
public enum HandlerBuilder {
    /// Adds a closure for one type of job.
    ///
    /// - Parameter handler: the closure with its job type.
    public static func buildExpression<Payload: Job>(_ handler: On<Payload>) -> Handlers {
        Handlers(entries: [HandlerEntry(handler, named: handler.description)])
    }

    /// Adds a closure that takes raw payload bytes.
    ///
    /// - Parameter handler: the closure with its wire name.
    public static func buildExpression(_ handler: OnRaw) -> Handlers { Handlers(entries: [HandlerEntry(handler)]) }

    /// Adds a handler value, for example one with dependencies.
    ///
    /// - Parameter handler: the handler.
    public static func buildExpression(_ handler: some JobHandler) -> Handlers {
        Handlers(entries: [HandlerEntry(handler, named: String(describing: type(of: handler)))])
    }

    /// Adds all handlers of another list.
    ///
    /// - Parameter handlers: the list to add.
    public static func buildExpression(_ handlers: Handlers) -> Handlers { handlers }

    /// Joins all lines of a block.
    ///
    /// - Parameter parts: the lists that the lines produced.
    public static func buildBlock(_ parts: Handlers...) -> Handlers { buildArray(parts) }

    /// Joins the lists of a `for` loop.
    ///
    /// - Parameter parts: one list per iteration.
    public static func buildArray(_ parts: [Handlers]) -> Handlers { Handlers(entries: parts.flatMap(\.entries)) }

    /// The list of an `if` without `else`.
    ///
    /// - Parameter part: the list, or `nil` when the condition is false.
    public static func buildOptional(_ part: Handlers?) -> Handlers { part ?? Handlers(entries: []) }

    /// The list of the `if` branch.
    ///
    /// - Parameter part: the branch's list.
    public static func buildEither(first part: Handlers) -> Handlers { part }

    /// The list of the `else` branch.
    ///
    /// - Parameter part: the branch's list.
    public static func buildEither(second part: Handlers) -> Handlers { part }
}
