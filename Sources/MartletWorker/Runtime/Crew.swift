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
    let thread = WorkerThread()
    let startedAt = Date()
    let host: String
    let processID: Int32
    /// The queues with their slots, by name.
    let queues: [(name: QueueName, slots: Int)]

    init(
        handlers: HandlerTable, queues: [(name: QueueName, slots: Int)], configuration: WorkerConfiguration,
        logger: Logger
    ) {
        let process = ProcessInfo.processInfo
        worker = "w-" + ClaimRequest.freshNonce()
        self.handlers = handlers
        self.queues = queues
        self.configuration = configuration
        self.logger = logger
        host = process.hostName
        processID = process.processIdentifier
    }
}
