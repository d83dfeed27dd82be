// Scenarios about order: many jobs of one ms, with ids that sort the other way.

import FoundationEssentials
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofOrder = [
        Scenario(name: "places run no more than a second ahead of the clock before a call") { real in
            for call in 0..<15 {
                _ = try await real.queue.enqueue(falling(200, "c\(99 - call)-").map { job($0, priority: 1000) })
            }
            let clock = try await real.command("HGET", real.key("meta"), "clock").string ?? ""
            let ahead = (clock.split(separator: " ").first.flatMap { Double($0) } ?? 0) - Double(RealStore.start)
            return (1000..<1101).contains(ahead)
        },
        Scenario(name: "a push at a common priority goes on while places are ahead") { real in
            let far = falling(2200, "c-").map { job($0, priority: 1000) }
            _ = try await real.queue.enqueueAtomically(far)
            let near = falling(5, "n-")
            for id in near { _ = try await real.queue.enqueue(job(id)) }
            _ = try await real.queue.control(.cancel, far.map(\.id))
            return try await real.claimed() == near.map(\.description)
        },
        Scenario(name: "jobs of one ms keep their order over two promotions") { real in
            let ids = falling(300, "d-")
            let due = Date(timeIntervalSince1970: Double(RealStore.start + 500) / 1000)
            _ = try await real.queue.enqueueAtomically(ids.map { job($0, priority: 1000, at: due) })
            try await real.setClock(RealStore.start + 500)
            var line: [String] = []
            for number in 1...3 {
                let request = ClaimRequest(worker: "w", number: number, upTo: 100)
                line += try await real.queue.claim(request).jobs.map(\.id.description)
            }
            return line == ids.map(\.description)
        },
        Scenario(name: "a push with a lower id stands behind the one before it in the same ms") { real in
            for id in ["b", "a"].compactMap({ JobID($0) }) { _ = try await real.queue.enqueue(job(id)) }
            return try await real.claimed() == ["b", "a"]
        },
        Scenario(name: "a later push stands behind one that is due in the same ms, also with a lower id") { real in
            let due = Date(timeIntervalSince1970: Double(RealStore.start + 500) / 1000)
            for id in ["b", "a"].compactMap({ JobID($0) }) { _ = try await real.queue.enqueue(job(id, at: due)) }
            try await real.setClock(RealStore.start + 501)
            return try await real.claimed() == ["b", "a"]
        },
        Scenario(name: "a clock that goes back puts no push in front of those before it") { real in
            try await real.setClock(RealStore.start + 1000)
            _ = try await real.queue.enqueue(["b"].compactMap { JobID($0) }.map { job($0) })
            try await real.setClock(RealStore.start)
            _ = try await real.queue.enqueue(["a"].compactMap { JobID($0) }.map { job($0) })
            return try await real.claimed() == ["b", "a"]
        },
        Scenario(name: "what is paused and resumed within a ms does not wait") { real in
            let ids = falling(3, "p-")
            for id in ids { _ = try await real.queue.enqueue(job(id)) }
            _ = try await real.queue.control(.pause, ids)
            return try await real.queue.control(.resume, ids) == ids.map { _ in .done(.queued) }
        },
    ]

    /// Ids in descending order.
    private static func falling(_ count: Int, _ prefix: String) -> [JobID] {
        (0..<count).compactMap { JobID("\(prefix)\(9999 - $0)") }
    }

    private static func job(_ id: JobID, priority: Int = 0, at moment: Date? = nil) -> NewJob {
        NewJob(id: id, type: "test", payload: [1], priority: priority, runAt: moment)
    }
}
