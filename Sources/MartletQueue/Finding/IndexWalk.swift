// A walk over the jobs of some indexes in listing order, of which only some fields are read.

import MartletJobs
import MartletRedis

/// How much a search may look at before it must answer.
package struct ScanBudget: Sendable {
    /// The most jobs that one call looks at, about.
    package static let records = 20_000
    /// How long one call looks, about.
    package static let time = Duration.milliseconds(50)

    /// How many jobs were looked at.
    package private(set) var examined = 0
    private let most: Int
    private let deadline: ContinuousClock.Instant

    /// A budget that begins now.
    package init(records: Int = ScanBudget.records, time: Duration = ScanBudget.time) {
        most = records
        deadline = .now + time
    }

    /// Whether the search must stop.
    package var isSpent: Bool { examined >= most || .now >= deadline }

    mutating func spend() { examined += 1 }
}

/// The jobs of one index, or of the merged indexes of finished jobs.
struct IndexWalk {
    /// An entry of an index: where it stands, and its job unless that is missing.
    struct Entry {
        let score: Double
        let place: (score: String, id: String)
        let job: JobRecord?
    }

    /// What was read of an index and not handed out yet.
    private struct Reader {
        let index: JobIndex
        var place: (score: String, id: String)?
        var entries: ArraySlice<Entry> = []
        var isAtEnd = false
    }

    private let queue: Queue
    private let fields: [JobField]
    private var readers: [Reader]

    init(_ queue: Queue, _ section: [JobIndex], after place: (score: String, id: String)?, fields: [JobField]) {
        self.queue = queue
        self.fields = fields
        readers = section.map { Reader(index: $0, place: place) }
    }

    /// Reads on where nothing is left to hand out; false when all is handed out.
    mutating func fill(atMost count: Int) async throws(QueueError) -> Bool {
        for number in readers.indices where readers[number].entries.isEmpty && !readers[number].isAtEnd {
            let reader = readers[number]
            let (entries, isAtEnd) = try await queue.scan(reader.index, after: reader.place, fields, atMost: count)
            readers[number].isAtEnd = isAtEnd
            readers[number].entries = entries[...]
            readers[number].place = entries.last?.place ?? reader.place
        }
        return readers.contains { !$0.entries.isEmpty || !$0.isAtEnd }
    }

    /// The next entry in listing order; `nil` when more must be read first.
    mutating func next() -> Entry? {
        var newest: (reader: Int, entry: Entry)?
        for number in readers.indices {
            guard let entry = readers[number].entries.first else {
                guard readers[number].isAtEnd else { return nil }
                continue
            }
            if newest.map({ Self.isNewer(entry, $0.entry) }) ?? true { newest = (number, entry) }
        }
        guard let newest else { return nil }
        return readers[newest.reader].entries.popFirst()
    }

    /// The order of finished jobs.
    private static func isNewer(_ left: Entry, _ right: Entry) -> Bool {
        left.score != right.score ? left.score > right.score : left.place.id > right.place.id
    }
}

extension Queue {
    /// Entries of an index with some fields of their jobs, and whether the index ends there.
    fileprivate func scan(
        _ index: JobIndex, after place: (score: String, id: String)?, _ fields: [JobField], atMost count: Int
    ) async throws(QueueError) -> (entries: [IndexWalk.Entry], isAtEnd: Bool) {
        var arguments = RedisArguments(
            "scan", index.rawValue, place?.score ?? "", place?.id ?? "", "\(count)", index.isFinal ? "desc" : "asc")
        for field in fields { arguments.append(field.rawValue) }
        guard let parts = try await read(.read, arguments) else { return ([], true) }
        let stride = fields.count + 2
        guard parts.count >= 3, (parts.count - 3).isMultiple(of: stride), let now = parts[1].int else {
            throw .broken("read", .array(parts))
        }
        let entries = Swift.stride(from: 3, to: parts.count, by: stride).map { at in
            let job = JobRecord(
                scanned: parts[at], in: index, place: parts[at + 1], fields: fields,
                values: parts[(at + 2)..<(at + stride)], queue: name, now: now)
            let score = parts[at + 1].string ?? ""
            return IndexWalk.Entry(
                score: Double(place: score) ?? 0, place: (score, parts[at].string ?? ""), job: job)
        }
        return (entries, parts[2].int == 1)
    }
}
