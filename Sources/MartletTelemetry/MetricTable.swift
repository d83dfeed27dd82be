// All series of a process by name and labels; a plain value under the registry's lock.

/// What a family of series is, in Prometheus' words.
enum MetricKind: String {
    case counter, gauge, histogram
}

/// All series of a process.
struct MetricTable {
    /// What a caller asked for, before any spelling rule: the key of the fast path.
    struct Request: Hashable {
        var kind: MetricKind
        var isTime = false
        var label: String
        var dimensions: [String]

        init(_ kind: MetricKind, isTime: Bool = false, _ label: String, _ dimensions: [(String, String)]) {
            self.kind = kind
            self.isTime = isTime
            self.label = label
            self.dimensions = dimensions.flatMap { [$0.0, $0.1] }
        }
    }

    struct Family {
        var kind: MetricKind
        var series: [String: any Instrument] = [:]
        /// How many series each queue has.
        var seriesOfQueue: [String: Int] = [:]
        /// How often a series beyond the limits was asked for.
        var folded = 0
    }

    /// The label that parts series which belong to different people: one must not take the room of others.
    private static let share = "queue"
    /// The label that producers choose freely.
    private static let free = "type"

    private(set) var families: [String: Family] = [:]
    /// How often one name was asked for as two kinds.
    private(set) var conflicts = 0
    private var known: [Request: any Instrument] = [:]
    private let seriesLimit: Int
    private let queueLimit: Int

    /// A table with so many series for each metric, and so many of those for each queue.
    init(seriesLimit: Int, queueLimit: Int) {
        self.seriesLimit = seriesLimit
        self.queueLimit = queueLimit
    }

    /// The series for a request, made by `make` for its final name when it does not exist.
    mutating func instrument<Made: Instrument>(
        for request: Request, _ dimensions: [(String, String)], make: (String) -> Made
    ) -> Made {
        if let found = known[request] as? Made { return found }
        let name = Self.name(request)
        var family = families[name] ?? Family(kind: request.kind)
        guard family.kind == request.kind else {
            // One name is one kind. The caller gets a handle that works and is shown nowhere.
            conflicts += 1
            return make(name)
        }
        let folded = fold(dimensions, in: family)
        let labels = ExpositionText.labels(folded ?? dimensions)
        if folded != nil { family.folded += 1 }
        guard let made = (family.series[labels] ?? make(name)) as? Made else {
            conflicts += 1
            return make(name)
        }
        if family.series.updateValue(made, forKey: labels) == nil {
            family.seriesOfQueue[Self.queue(of: folded ?? dimensions), default: 0] += 1
        }
        families[name] = family
        if folded == nil { known[request] = made }
        return made
    }

    /// The labels under which a series is counted that would be one too many; `nil` when there is room for it.
    ///
    /// Label values come from outside (types of jobs, say). Without limits they could fill the memory, and without a limit
    /// for each queue one of them could leave no room for the others.
    private func fold(_ dimensions: [(String, String)], in family: Family) -> [(String, String)]? {
        guard family.series[ExpositionText.labels(dimensions)] == nil else { return nil }
        let isFull = family.series.count >= seriesLimit
        guard isFull || family.seriesOfQueue[Self.queue(of: dimensions), default: 0] >= queueLimit else { return nil }
        let hasType = dimensions.contains { $0.0 == Self.free }
        let other = dimensions.map { name, value in
            (name, name == Self.share || (hasType && name != Self.free) ? value : "other")
        }
        // What is folded may still be new; only so many of these have room above the limit.
        let fits = family.series[ExpositionText.labels(other)] != nil || family.series.count < 2 * seriesLimit
        return fits ? other : dimensions.map { ($0.0, "other") }
    }

    private static func queue(of dimensions: [(String, String)]) -> String {
        dimensions.first { $0.0 == share }?.1 ?? ""
    }

    /// Forgets a series.
    mutating func remove(_ instrument: AnyObject) {
        known = known.filter { $0.value !== instrument }
        for (name, var family) in families {
            let count = family.series.count
            family.series = family.series.filter { $0.value !== instrument }
            guard family.series.count != count else { continue }
            // Whose it was is not known any more; counting again would be dear, and too small a count harms nobody.
            family.seriesOfQueue = [:]
            families[name] = family.series.isEmpty ? nil : family
        }
    }

    /// The name in the exposition: `_total` on counters only, the base unit on times.
    static func name(_ request: Request) -> String {
        name(request.label, kind: request.kind, isTime: request.isTime)
    }

    /// The same for a name and a kind.
    static func name(_ label: String, kind: MetricKind, isTime: Bool = false) -> String {
        let name = ExpositionText.metricName(label)
        if kind == .counter { return name.hasSuffix("_total") ? name : name + "_total" }
        return isTime && !name.hasSuffix("_seconds") ? name + "_seconds" : name
    }
}
