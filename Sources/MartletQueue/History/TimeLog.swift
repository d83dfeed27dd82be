// What a process measures of its jobs' times until its next heartbeat.

import Synchronization

/// The times of the jobs of one type, in one queue.
package final class TypeTimes: Sendable {
    private let times = Mutex(JobTimes())

    package init() {}

    package func waited(_ time: Duration) { times.withLock { $0.wait.record(time) } }

    package func ran(_ time: Duration) { times.withLock { $0.run.record(time) } }

    /// Hands out what was measured, and begins anew.
    func take() -> JobTimes {
        times.withLock { times in
            defer { times = JobTimes() }
            return times
        }
    }

    /// Puts back what was not sent.
    func restore(_ other: JobTimes) { times.withLock { $0.merge(other) } }
}

/// The times of one queue's jobs that were not sent yet.
package struct TimeReport: Sendable {
    /// What stands before a type, and the name of the times of further types.
    static let typeMark = ":"
    static let rest = "rest"
    /// The most types of one report; those of others go together.
    private static let typeLimit = 20

    private let taken: [(log: TypeTimes, type: String, times: JobTimes)]

    /// Takes what the logs have.
    package init(_ logs: some Sequence<(key: String, value: TypeTimes)>) {
        taken = logs.map { (log: $0.value, type: $0.key, times: $0.value.take()) }.filter { $0.times != JobTimes() }
    }

    package var isEmpty: Bool { taken.isEmpty }

    /// Puts everything back into the logs.
    package func restore() {
        for entry in taken { entry.log.restore(entry.times) }
    }

    /// The lines that the script takes; `nil` without times.
    var lines: String? {
        guard !taken.isEmpty else { return nil }
        var lines: [String] = []
        var rest = JobTimes()
        for entry in taken {
            // A type that a damaged job has may have separators.
            if lines.count < Self.typeLimit, !entry.type.unicodeScalars.contains(where: { $0.value < 32 }) {
                lines.append("\(Self.typeMark)\(entry.type)\t\(entry.times.text)")
            } else {
                rest.merge(entry.times)
            }
        }
        if rest != JobTimes() { lines.append("\(Self.rest)\t\(rest.text)") }
        return lines.joined(separator: "\n")
    }
}
