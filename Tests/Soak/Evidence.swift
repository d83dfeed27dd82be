// The records of a run: the jobs of the store, the journals of handlers, the acknowledgements of producers.

import FoundationEssentials
import MartletJobs
import MartletQueue

/// One run of a handler, from the journal of its worker.
struct Attempt: Sendable {
    var id: String
    var token: String
    /// The worker's name.
    var worker: String
    var start: Int
    var end: Int?
    /// `returned`, `threw`, `snoozed` or `stopped:` and why; `nil` when the process died.
    var how: String?

    var claims: Int { Int(token.prefix { $0 != ":" }) ?? 0 }
}

/// The records that the rules are checked against.
struct Evidence: Sendable {
    /// The jobs of the store by id.
    var jobs: [String: JobRecord] = [:]
    /// The runs of handlers by job, in order.
    var attempts: [String: [Attempt]] = [:]
    var pushes: Pushes
    var orders: [Order]
    var faults: [FaultNote]
    var audits: [AuditReport] = []
    /// The number of completions that the store counted.
    var completedEver = 0
    /// Whether all jobs had finished in time.
    var isDrained: Bool

    /// Creates the records from what producers and operators know.
    init(pushes: Pushes, orders: [Order], faults: [FaultNote], isDrained: Bool) {
        self.pushes = pushes
        self.orders = orders
        self.faults = faults
        self.isDrained = isDrained
    }

    /// Adds the jobs of the store and the journals of workers.
    ///
    /// - Parameters:
    ///   - store: connected without a proxy.
    ///   - workers: the names of the workers.
    ///   - directory: where their journals are.
    mutating func collect(from store: JobStore, workers: [String], in directory: String) async throws {
        for name in Installation.queues {
            let queue = store.queue(name)
            audits.append(try await queue.audit())
            completedEver += try await queue.status()?.completedEver ?? 0
            var cursor: JobCursor?
            repeat {
                let page = try await queue.list(after: cursor, limit: 1000)
                for job in page.jobs { jobs["\(job.id)"] = job }
                cursor = page.next
            } while cursor != nil
        }
        for worker in workers { add(LineLog.read("\(directory)/\(worker).journal"), of: worker) }
    }

    /// Adds the lines of a worker's journal; a stall is a fault of that worker.
    mutating func add(_ lines: [[String]], of worker: String) {
        var open: [String: Attempt] = [:]
        for words in lines where words.count == 6 {
            let (id, token, time) = (words[1], words[2], Int(words[4]) ?? 0)
            if words[0] == "stall" {
                faults.append(FaultNote(kind: "stall", subject: worker, from: time, to: Int(words[5]) ?? time))
                continue
            }
            let key = "\(id) \(token) \(words[3])"
            if words[0] == "start" {
                // A token that starts twice in one process counts as two attempts.
                if let first = open[key] { attempts[id, default: []].append(first) }
                open[key] = Attempt(id: id, token: token, worker: worker, start: time)
            } else if var attempt = open.removeValue(forKey: key) {
                (attempt.end, attempt.how) = (time, words[5])
                attempts[id, default: []].append(attempt)
            }
        }
        for attempt in open.values { attempts[attempt.id, default: []].append(attempt) }
        for id in attempts.keys { attempts[id]?.sort { $0.start < $1.start } }
    }
}
