// What a listener knows who hears the events of a queue and looks at nothing else.

import MartletJobs
import MartletRedis

@testable import MartletQueue

/// The states of all jobs as their events tell them.
struct Heard {
    /// For how long the queue publishes, in ms; runs whose clock goes further are not compared.
    static let longest = 31_536_000_000

    private var states: [String: JobState] = [:]
    private var last = EventMark(milliseconds: 0, sequence: 0, index: .max)

    /// Takes what was published since, and says where that does not lead to the states of the model.
    mutating func missed(on real: RealStore, _ model: Model) async throws -> [String] {
        guard model.now - RealStore.start < Self.longest / 2 else { return [] }
        let found = try await real.command("XRANGE", real.key("events"), "(" + last.entry, "+").array ?? []
        for entry in found.compactMap({ EventEntry($0, of: real.queue.name) }) {
            last = entry.end
            for event in entry.events { take(event) }
        }
        return Set(states.keys).union(model.jobs.keys).sorted().compactMap { id in
            let (told, real) = (states[id], model.jobs[id]?.state)
            guard told != real else { return nil }
            return "job \(id)\n    heard: \(told?.rawValue ?? "-")\n    model: \(real?.rawValue ?? "-")"
        }
    }

    private mutating func take(_ event: QueueEvent) {
        guard let id = event.job?.description else { return }
        if event.kind == .deleted { states[id] = nil } else if let state = event.state { states[id] = state }
    }
}
