// Mistakes in the audit trail, and short stories that notice them.

import MartletJSON
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Mutant {
    static let ofTrail = [
        Mutant("a trail that cannot be written stops nothing", .trail, "trail-checked", .removed),
        Mutant("a changed job is not counted", .trail, "trail-changed", .removed),
        Mutant("an entry names all jobs", .trail, "trail-bound", .removed),
        Mutant("nothing is recorded", .trail, "trail-written", .removed),
        Mutant("the trail of a deleted queue stays for ever", .remove, "delete-keeps", .removed),
        Mutant("a queue made anew loses its trail", .configure, "create-keeps", .removed),
    ]
}

extension RealStore {
    /// The queue as an operator's call changes it.
    fileprivate var recorded: Queue { queue.recorded(as: TrailAuthor([("who", "ada")], entries: 1000)) }

    fileprivate func trail() async throws -> [TrailEntry] {
        var reader = TrailReader(store, queues: [queue.name], after: nil, from: nil, to: nil)
        var entries: [TrailEntry] = []
        while let entry = try await reader.next() { entries.append(entry) }
        return entries
    }
}

extension Scenario {
    static let ofTrail = [
        Scenario(name: "an entry counts the jobs that a call changed, and names the first") { real in
            let jobs = (0..<60).map { _ in NewJob(type: "t", payload: [1]) }
            let ids = jobs.map(\.id)
            _ = try await real.queue.enqueue(jobs)
            _ = try await real.queue.control(.pause, [ids[0]])
            _ = try await real.recorded.control(.pause, ids)
            let entries = try await real.trail()
            guard entries.count == 1, let entry = entries.first else { return false }
            return entry.action == "pause" && entry.counts == ["done": 60, "changed": 59] && entry.jobs.count == 50
        },
        Scenario(name: "a trail that cannot be written stops the change") { real in
            let id = JobID.generate()
            _ = try await real.queue.enqueue(NewJob(id: id, type: "t", payload: [1]))
            try await real.command("SET", real.key("trail"), "x")
            let verdict = try? await real.recorded.control(.pause, id)
            guard verdict == nil else { return false }
            return try await real.queue.job(id)?.state == .queued
        },
        Scenario(name: "a trail outlives its queue for a while, and goes on with a new one") { real in
            guard case .deleted = try await real.recorded.delete() else { return false }
            guard try await real.command("TTL", real.key("trail")).int ?? -1 > 0 else { return false }
            try await real.queue.create()
            return try await real.command("TTL", real.key("trail")).int == -1
        },
    ]
}
