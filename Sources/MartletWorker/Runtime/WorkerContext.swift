// The state that all loops of one worker share.

import FoundationEssentials
import Logging
import MartletQueue

/// One run of a worker: its identity, its handlers and its executors.
struct WorkerContext: Sendable {
    /// The worker's id, random for each run, so that two processes are never confused.
    let worker: String
    let handlers: HandlerTable
    let configuration: WorkerConfiguration
    let logger: Logger
    /// Runs turns: the executor of the store's connection.
    let connection: any TimerExecutor
    /// Runs heartbeats, sweeps and the lease guard.
    let thread = WorkerThread()
    /// Runs handlers by default.
    let pool = HandlerPool()
    let startedAt = Date()
    let host: String
    let processID: Int32
    /// The queues and their slots, sorted by name.
    let queues: [(name: QueueName, slots: Int)]

    init(
        store: JobStore, handlers: HandlerTable, queues: [(name: QueueName, slots: Int)],
        configuration: WorkerConfiguration, logger: Logger
    ) {
        let process = ProcessInfo.processInfo
        worker = "w-" + ClaimRequest.freshNonce()
        connection = StoreExecutor(store: store)
        self.handlers = handlers
        self.queues = queues
        self.configuration = configuration
        self.logger = logger
        host = process.hostName
        processID = process.processIdentifier
    }
}
