// Short stories of the order in line: many jobs of one ms, with ids that sort the other way.

import FoundationEssentials
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofOrder = [
        Scenario(name: "places run no more than a second ahead of the clock before a call") { stage in
            for call in 0..<15 {
                _ = try await stage.queue.enqueue(falling(200, "c\(99 - call)-").map { job($0, priority: 1000) })
            }
            let clock = try await stage.command("HGET", stage.key("meta"), "clock").string ?? ""
            let ahead = (clock.split(separator: " ").first.flatMap { Double($0) } ?? 0) - Double(Stage.start)
            return (1000..<1101).contains(ahead)
        },
        Scenario(name: "a push at a common priority goes on while places are ahead") { stage in
            let far = falling(2200, "c-").map { job($0, priority: 1000) }
            _ = try await stage.queue.enqueueAtomically(far)
            let near = falling(5, "n-")
            for id in near { _ = try await stage.queue.enqueue(job(id)) }
            _ = try await stage.queue.control(.cancel, far.map(\.id))
            return try await stage.claimed() == near.map(\.description)
        },
        Scenario(name: "jobs of one ms keep their order over two promotions") { stage in
            let ids = falling(300, "d-")
            let due = Date(timeIntervalSince1970: Double(Stage.start + 500) / 1000)
            _ = try await stage.queue.enqueueAtomically(ids.map { job($0, priority: 1000, at: due) })
            try await stage.setClock(Stage.start + 500)
            var line: [String] = []
            for number in 1...3 {
                let request = ClaimRequest(worker: "w", number: number, upTo: 100)
                line += try await stage.queue.claim(request).jobs.map(\.id.description)
            }
            return line == ids.map(\.description)
        },
        Scenario(name: "a push with a lower id stands behind the one before it in the same ms") { stage in
            for id in ["b", "a"].compactMap({ JobID($0) }) { _ = try await stage.queue.enqueue(job(id)) }
            return try await stage.claimed() == ["b", "a"]
        },
        Scenario(name: "a later push stands behind one that is due in the same ms, also with a lower id") { stage in
            let due = Date(timeIntervalSince1970: Double(Stage.start + 500) / 1000)
            for id in ["b", "a"].compactMap({ JobID($0) }) { _ = try await stage.queue.enqueue(job(id, at: due)) }
            try await stage.setClock(Stage.start + 501)
            return try await stage.claimed() == ["b", "a"]
        },
        Scenario(name: "a clock that goes back puts no push in front of those before it") { stage in
            try await stage.setClock(Stage.start + 1000)
            _ = try await stage.queue.enqueue(["b"].compactMap { JobID($0) }.map { job($0) })
            try await stage.setClock(Stage.start)
            _ = try await stage.queue.enqueue(["a"].compactMap { JobID($0) }.map { job($0) })
            return try await stage.claimed() == ["b", "a"]
        },
        Scenario(name: "what is paused and resumed within a ms does not wait") { stage in
            let ids = falling(3, "p-")
            for id in ids { _ = try await stage.queue.enqueue(job(id)) }
            _ = try await stage.queue.control(.pause, ids)
            return try await stage.queue.control(.resume, ids) == ids.map { _ in .done(.queued) }
        },
    ]

    /// Ids each of which sorts before the one that it follows.
    private static func falling(_ count: Int, _ prefix: String) -> [JobID] {
        (0..<count).compactMap { JobID("\(prefix)\(9999 - $0)") }
    }

    private static func job(_ id: JobID, priority: Int = 0, at moment: Date? = nil) -> NewJob {
        NewJob(id: id, type: "test", payload: [1], priority: priority, runAt: moment)
    }
}
