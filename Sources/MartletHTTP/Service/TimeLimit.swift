// A time limit for asynchronous work.

/// The result of `work`; `nil` when it takes longer than `limit`.
///
/// The work is cancelled then. If it ignores the cancellation, the call still waits for it.
func withLimit<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    await withTaskGroup(of: Value?.self) { group in
        group.addTask { await work() }
        group.addTask {
            try? await Task.sleep(for: limit)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
}
