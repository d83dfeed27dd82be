// A bound for how long somebody waits.

/// What `work` returns; `nil` when it takes longer than `limit`.
///
/// The work is cancelled then. It must end when it is cancelled, or it is waited for all the same.
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
