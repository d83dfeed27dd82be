// The handlers of a worker, as its author lists them.

public import MartletJobs

/// A list of handlers, made with ``HandlerBuilder``.
public struct Handlers: Sendable {
    var entries: [HandlerEntry]

    /// The handlers that the builder lists.
    public init(@HandlerBuilder _ handlers: () -> Handlers) { self = handlers() }

    init(entries: [HandlerEntry]) { self.entries = entries }
}

/// Lists handlers: ``On`` closures, `JobHandler` values, and lists of them, one a line.
@resultBuilder
public enum HandlerBuilder {
    /// A closure.
    public static func buildExpression<Payload: Job>(_ handler: On<Payload>) -> Handlers {
        Handlers(entries: [HandlerEntry(handler, named: handler.description)])
    }

    /// A closure that takes the payload's bytes.
    public static func buildExpression(_ handler: OnRaw) -> Handlers { Handlers(entries: [HandlerEntry(handler)]) }

    /// A value with dependencies of its own.
    public static func buildExpression(_ handler: some JobHandler) -> Handlers {
        Handlers(entries: [HandlerEntry(handler, named: String(describing: type(of: handler)))])
    }

    /// A list from elsewhere.
    public static func buildExpression(_ handlers: Handlers) -> Handlers { handlers }

    /// All lines together.
    public static func buildBlock(_ parts: Handlers...) -> Handlers { buildArray(parts) }

    /// What a loop lists.
    public static func buildArray(_ parts: [Handlers]) -> Handlers { Handlers(entries: parts.flatMap(\.entries)) }

    /// What an `if` without `else` lists.
    public static func buildOptional(_ part: Handlers?) -> Handlers { part ?? Handlers(entries: []) }

    /// What an `if` lists.
    public static func buildEither(first part: Handlers) -> Handlers { part }

    /// What an `else` lists.
    public static func buildEither(second part: Handlers) -> Handlers { part }
}
