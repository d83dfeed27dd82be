// Settings from a process's environment: applied at start, and again to a queue that is created anew.

import MartletRedis
import Synchronization

extension JobStore {
    /// Sets the environment's settings of a queue; whenever this process creates the queue, it applies them.
    ///
    /// Nothing is sent to Redis; ``Queue/applyEnvironment(_:)`` applies settings to a queue that exists.
    ///
    /// - Parameters:
    ///   - change: the settings of the environment.
    ///   - name: the queue.
    public func setEnvironment(_ change: QueueSettingsChange, of name: QueueName) {
        environments.withLock { $0[name] = change }
    }

    /// The environment's settings of a queue, if it has any.
    package func environment(of name: QueueName) -> QueueSettingsChange? { environments.withLock { $0[name] } }
}

extension Queue {
    /// Applies settings from a process's environment, each only if it differs from the last environment's.
    ///
    /// So settings changed at run time remain until the environment changes. Creates the queue if it does not exist.
    ///
    /// - Parameter change: the settings of the environment.
    /// - Throws: ``QueueError``.
    public func applyEnvironment(_ change: QueueSettingsChange) async throws(QueueError) {
        try await configure("environment", change)
    }

    /// Applies the environment's settings again if the queue was created anew by a process without them.
    ///
    /// A queue that does not exist stays so. One round trip while there is nothing to do.
    ///
    /// - Returns: whether settings were applied.
    /// - Throws: ``QueueError``.
    public func renewEnvironment() async throws(QueueError) -> Bool {
        guard let change = store.environment(of: name) else { return false }
        var arguments = RedisArguments("HMGET", keys.meta, "schema")
        for (setting, _) in change.words { arguments.append(setting + "_env") }
        let found = try await store.send(.command(arguments)).array ?? []
        let isThere = found.first?.string != nil
        guard isThere, found.dropFirst().contains(where: { $0.string == nil }) else { return false }
        return try await applyEnvironmentIfPresent()
    }

    /// Applies the environment's settings of this store, if any, to a queue that exists.
    @discardableResult
    func applyEnvironmentIfPresent() async throws(QueueError) -> Bool {
        guard let change = store.environment(of: name) else { return false }
        guard let parts = try await read(.configure, Self.configuration("environment", change)) else { return false }
        try Self.checkConfigured(.array(parts))
        return true
    }
}
