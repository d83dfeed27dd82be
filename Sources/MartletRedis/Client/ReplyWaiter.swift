// A task that waits for replies: a continuation that debug builds check.

/// A suspended task that must be resumed exactly once; the machines that hold it return it only once.
#if DEBUG
    struct ReplyContinuation<Value: Sendable>: Sendable {
        fileprivate let task: CheckedContinuation<Value, Never>

        func resume(returning value: Value) { task.resume(returning: value) }
    }
#else
    @safe
    struct ReplyContinuation<Value: Sendable>: Sendable {
        fileprivate let task: UnsafeContinuation<Value, Never>

        func resume(returning value: Value) { unsafe task.resume(returning: value) }
    }
#endif

/// Suspends until the continuation is resumed.
func withReplyContinuation<Value: Sendable>(_ body: (ReplyContinuation<Value>) -> Void) async -> Value {
    #if DEBUG
        await withCheckedContinuation { body(ReplyContinuation(task: $0)) }
    #else
        unsafe await withUnsafeContinuation { body(unsafe ReplyContinuation(task: $0)) }
    #endif
}

/// A task that waits for one reply, or for those of a batch.
enum ReplyWaiter: Sendable {
    case one(ReplyContinuation<Result<RedisValue, RedisError>>)
    case many(count: Int, ReplyContinuation<[Result<RedisValue, RedisError>]>)

    func resume(_ value: RedisValue) {
        switch self {
        case .one(let task): task.resume(returning: Self.result(value))
        case .many(_, let task): task.resume(returning: [Self.result(value)])
        }
    }

    /// Resumes with the received replies, and with `error` for each missing one.
    func resume(_ values: [RedisValue], error: RedisError?) {
        switch self {
        case .one(let task):
            task.resume(returning: values.first.map(Self.result) ?? .failure(error ?? Self.missing))
        case .many(let count, let task):
            var results = values.map(Self.result)
            while results.count < count { results.append(.failure(error ?? Self.missing)) }
            task.resume(returning: results)
        }
    }

    func fail(_ error: RedisError) { resume([], error: error) }

    private static func result(_ value: RedisValue) -> Result<RedisValue, RedisError> {
        guard case .error(let text) = value else { return .success(value) }
        return .failure(RedisError(reply: text))
    }

    private static var missing: RedisError { RedisError(.protocolError, "a reply is missing") }
}
