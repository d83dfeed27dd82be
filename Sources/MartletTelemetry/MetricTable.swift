// All series of a process by name and labels; a value under the registry's lock.

/// The kind of a metric family, in Prometheus terms.
enum MetricKind: String {
    case counter, gauge, histogram
}

/// All series of a process.
struct MetricTable {
    /// A request for a series before normalisation: the key of the fast path.
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
        /// The number of series per queue.
        var seriesOfQueue: [String: Int] = [:]
        /// How often a series beyond the limits was requested.
        var folded = 0
    }

    /// The label that separates owners: series of one must not exhaust the limit for others.
    private static let share = "queue"
    /// The label that producers choose freely.
    private static let free = "type"

    private(set) var families: [String: Family] = [:]
    /// How often one name was requested as two kinds.
    private(set) var conflicts = 0
    private var known: [Request: any Instrument] = [:]
    private let seriesLimit: Int
    private let queueLimit: Int

    /// Creates a table with limits per metric, and per queue within a metric.
    init(seriesLimit: Int, queueLimit: Int) {
        self.seriesLimit = seriesLimit
        self.queueLimit = queueLimit
    }

    /// The series for a request; `make` creates it under its final name if missing.
    mutating func instrument<Made: Instrument>(
        for request: Request, _ dimensions: [(String, String)], make: (String) -> Made
    ) -> Made {
        if let found = known[request] as? Made { return found }
        let name = Self.name(request)
        var family = families[name] ?? Family(kind: request.kind)
        guard family.kind == request.kind else {
            // A name has one kind. The caller gets a working handle that is not exposed.
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

    /// The labels that replace a series beyond the limits; `nil` within the limits.
    ///
    /// Label values come from outside (types of jobs, for example). Without limits they could fill the memory, and
    /// without a limit per queue one queue could exhaust the limit for all.
    private func fold(_ dimensions: [(String, String)], in family: Family) -> [(String, String)]? {
        guard family.series[ExpositionText.labels(dimensions)] == nil else { return nil }
        let isFull = family.series.count >= seriesLimit
        guard isFull || family.seriesOfQueue[Self.queue(of: dimensions), default: 0] >= queueLimit else { return nil }
        let hasType = dimensions.contains { $0.0 == Self.free }
        let other = dimensions.map { name, value in
            (name, name == Self.share || (hasType && name != Self.free) ? value : "other")
        }
        // Replacement series may be new too; only a few of them are allowed beyond the limit.
        let fits = family.series[ExpositionText.labels(other)] != nil || family.series.count < 2 * seriesLimit
        return fits ? other : dimensions.map { ($0.0, "other") }
    }

    private static func queue(of dimensions: [(String, String)]) -> String {
        dimensions.first { $0.0 == share }?.1 ?? ""
    }

    /// Removes a series.
    mutating func remove(_ instrument: AnyObject) {
        known = known.filter { $0.value !== instrument }
        for (name, var family) in families {
            let count = family.series.count
            family.series = family.series.filter { $0.value !== instrument }
            guard family.series.count != count else { continue }
            // The series's queue is no longer known; recounting is expensive, and an undercount is harmless.
            family.seriesOfQueue = [:]
            families[name] = family.series.isEmpty ? nil : family
        }
    }

    /// The name in the exposition: `_total` for counters, the base unit for times.
    static func name(_ request: Request) -> String {
        name(request.label, kind: request.kind, isTime: request.isTime)
    }

    /// The name in the exposition for a name and a kind.
    static func name(_ label: String, kind: MetricKind, isTime: Bool = false) -> String {
        let name = ExpositionText.metricName(label)
        if kind == .counter { return name.hasSuffix("_total") ? name : name + "_total" }
        return isTime && !name.hasSuffix("_seconds") ? name + "_seconds" : name
    }
}
