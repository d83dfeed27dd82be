// Collects the lines of a scrape in a stable order.

/// The lines of one scrape, grouped by metric.
struct Exposition {
    private struct Group {
        var kind: MetricKind
        /// The lines of each series, by its label text.
        var series: [String: String] = [:]
    }

    private var groups: [String: Group] = [:]
    /// How often one name was used for two kinds.
    var conflicts = 0

    /// Adds the lines of one series; drops and counts lines whose name has another kind.
    mutating func add(_ name: String, _ kind: MetricKind, labels: String, lines: String) {
        var group = groups[name] ?? Group(kind: kind)
        guard group.kind == kind else {
            conflicts += 1
            return
        }
        group.series[labels] = lines
        groups[name] = group
    }

    /// Adds the number of name conflicts, if any.
    mutating func addConflicts() {
        guard conflicts > 0 else { return }
        add(MetricSample("martlet_metric_conflicts", kind: .counter, value: Double(conflicts)))
    }

    /// Adds a collector's value.
    mutating func add(_ sample: MetricSample) {
        let kind: MetricKind = sample.kind == .counter ? .counter : .gauge
        let name = MetricTable.name(sample.name, kind: kind)
        let labels = ExpositionText.labels(sample.labels.sorted { $0.key < $1.key })
        let line = ExpositionText.line(name, labels: labels, value: ExpositionText.number(sample.value))
        add(name, kind, labels: labels, lines: line)
    }

    /// Adds a metric without a value, with 0 for each series whose labels are known.
    mutating func announce(_ description: MetricDescription, buckets: [Double]) {
        guard let kind = description.kind.flatMap({ MetricKind(rawValue: $0.rawValue) }) else { return }
        let name = description.name
        if groups[name] == nil { groups[name] = Group(kind: kind) }
        for known in description.series {
            let labels = ExpositionText.labels(known.sorted { $0.key < $1.key })
            guard groups[name]?.kind == kind, groups[name]?.series[labels] == nil else { continue }
            let zero: any Instrument =
                switch kind {
                case .counter: CounterInstrument()
                case .gauge: GaugeInstrument()
                case .histogram: HistogramInstrument(bounds: (description.buckets ?? buckets).sorted())
                }
            groups[name]?.series[labels] = zero.lines(name: name, labels: labels)
        }
    }

    /// The complete text: metrics by name, series by labels.
    func rendered(help: (String) -> String?) -> String {
        var text = ""
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
            if let help = help(name) {
                text += "# HELP \(name) \(ExpositionText.escaped(help, quotes: false))\n"
            }
            text += "# TYPE \(name) \(group.kind.rawValue)\n"
            for (_, lines) in group.series.sorted(by: { $0.key < $1.key }) { text += lines }
        }
        return text
    }
}
