// What all loops of one worker process share.

import FoundationEssentials
import Logging
import MartletQueue

/// One run of a worker: who it is, what it may run, where it runs.
struct Crew: Sendable {
    /// An id that is random for each run: two processes are never taken for one another, whatever their hosts say.
    let worker: String
    let handlers: HandlerTable
    let configuration: WorkerConfiguration
    let logger: Logger
    /// Where turns run: on the store's connection.
    let lane: any WorkerLane
    /// Where beats and the rest run.
    let thread = WorkerThread()
    /// Where handlers run that did not choose otherwise.
    let pool = HandlerPool()
    let startedAt = Date()
    let host: String
    let processID: Int32
    /// The queues with their slots, by name.
    let queues: [(name: QueueName, slots: Int)]

    init(
        store: JobStore, handlers: HandlerTable, queues: [(name: QueueName, slots: Int)],
        configuration: WorkerConfiguration, logger: Logger
    ) {
        let process = ProcessInfo.processInfo
        worker = "w-" + ClaimRequest.freshNonce()
        lane = ConnectionLane(store: store)
        self.handlers = handlers
        self.queues = queues
        self.configuration = configuration
        self.logger = logger
        host = process.hostName
        processID = process.processIdentifier
    }
}
