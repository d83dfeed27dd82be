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
    }

    private(set) var families: [String: Family] = [:]
    /// How often one name was asked for as two kinds.
    private(set) var conflicts = 0
    private var known: [Request: any Instrument] = [:]
    private let seriesLimit: Int

    init(seriesLimit: Int) { self.seriesLimit = seriesLimit }

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
        var labels = ExpositionText.labels(dimensions)
        let isNew = family.series[labels] == nil
        let overflows = isNew && family.series.count >= seriesLimit
        // Label values come from outside (types of jobs, say); without a limit they could fill the memory.
        if overflows { labels = ExpositionText.labels(dimensions.map { ($0.0, "other") }) }
        guard let made = (family.series[labels] ?? make(name)) as? Made else {
            conflicts += 1
            return make(name)
        }
        family.series[labels] = made
        families[name] = family
        if !overflows { known[request] = made }
        return made
    }

    /// Forgets a series.
    mutating func remove(_ instrument: AnyObject) {
        known = known.filter { $0.value !== instrument }
        for (name, var family) in families {
            let count = family.series.count
            family.series = family.series.filter { $0.value !== instrument }
            guard family.series.count != count else { continue }
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
