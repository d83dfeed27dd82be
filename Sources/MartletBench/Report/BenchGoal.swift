// What each figure has to reach, as values, and whether it did.

/// What a figure has to reach.
struct BenchGoal: Sendable {
    /// The name of the figure in a report.
    var name: String
    /// The values that the report shows for it; peers are compared by the first.
    var shown: [BenchValue]
    /// All of these have to hold.
    var terms: [Term]

    /// One condition on the median of Martlet's runs.
    struct Term: Sendable {
        var value: BenchValue
        var yardstick: Yardstick
        var limit: Limit

        /// The goal in a few words: `≥ 60 % of the bound`.
        var text: String {
            let text = yardstick.text(limit.number, value.metric)
            return text.hasPrefix("none") ? text : "\(label)\(limit.sign) \(text)"
        }

        /// Which value of several it is about.
        private var label: String {
            switch value.metric {
            case .p50, .p50Ratio, .p50SpacedRatio: "p50 "
            case .p99, .spacedRatio: "p99 "
            case .ratioToBound where value.figure == .latency: "p99 "
            default: ""
            }
        }
    }

    /// What a value is compared with.
    enum Yardstick: Sendable {
        /// With a number.
        case absolute
        /// With another value of Martlet's, or of the bound, in the same run.
        case ratio(BenchValue, system: String, name: String)
        /// The value is already a share of something.
        case share(String)
        /// The value is already a multiple of something.
        case multiple(String)
        /// The limit is another value of the same result.
        case own(BenchMetric, String)

        var isRatio: Bool {
            switch self {
            case .ratio, .share, .multiple: true
            case .absolute, .own: false
            }
        }

        func text(_ number: Double, _ metric: BenchMetric) -> String {
            switch self {
            case .absolute: metric.limit(number)
            case .ratio(_, _, let name), .multiple(let name): "\(BenchNumber.limit(number)) × \(name)"
            case .share(let name): "\(BenchNumber.limit(number * 100)) % of \(name)"
            case .own(_, let name): name
            }
        }
    }

    /// On which side of a number a value has to be.
    enum Limit: Sendable {
        case atLeast(Double)
        case atMost(Double)

        var number: Double {
            switch self {
            case .atLeast(let number), .atMost(let number): number
            }
        }

        var sign: String { if case .atLeast = self { "≥" } else { "≤" } }

        func holds(for value: Double) -> Bool {
            switch self {
            case .atLeast(let number): value >= number
            case .atMost(let number): value <= number
            }
        }
    }
}

/// How a figure stands to its goal.
struct BenchVerdict: Sendable {
    enum State: String, Sendable {
        case reached = "yes"
        case missed = "no"
        case unknown = "not measured"
    }

    var goal: BenchGoal
    var state: State
    /// Martlet's values, as many as the goal shows.
    var values: [BenchSpread?]
    /// The ratio for each term that has one.
    var ratios: [BenchSpread?]

    /// Judges a goal by a report.
    ///
    /// A missing value leaves the goal open, unless another value has already missed it.
    init(_ goal: BenchGoal, by report: BenchReport) {
        self.goal = goal
        values = goal.shown.map { report.spread($0) }
        let found = goal.terms.map { Self.measured($0, report) }
        ratios = zip(goal.terms, found).filter { $0.0.yardstick.isRatio }.map(\.1)
        let holds = zip(goal.terms, found).map { term, spread in
            spread.map { Self.limit(of: term, report)?.holds(for: $0.median) ?? false }
        }
        state = holds.contains(false) ? .missed : holds.contains(nil) ? .unknown : .reached
    }

    /// What is compared with the limit.
    private static func measured(_ term: BenchGoal.Term, _ report: BenchReport) -> BenchSpread? {
        switch term.yardstick {
        case .absolute, .share, .multiple: report.spread(term.value)
        case .ratio(let other, let system, _): report.ratio(term.value, to: other, of: system)
        case .own(let metric, _):
            // Without its limit the value cannot be judged.
            report.spread(BenchValue(term.value.figure, term.value.variant, metric)) == nil
                ? nil : report.spread(term.value)
        }
    }

    /// The limit itself, which may come with the result.
    private static func limit(of term: BenchGoal.Term, _ report: BenchReport) -> BenchGoal.Limit? {
        guard case .own(let metric, _) = term.yardstick else { return term.limit }
        let number = report.spread(BenchValue(term.value.figure, term.value.variant, metric))?.median
        return number.map { if case .atLeast = term.limit { .atLeast($0) } else { .atMost($0) } }
    }
}

extension BenchMetric {
    /// A limit with its unit.
    func limit(_ number: Double) -> String {
        switch self {
        case .ratioToBound, .change: "\(BenchNumber.limit(number * 100)) %"
        case .early where number == 0: "none early"
        default: text(number).replacing(BenchNumber.text(number), with: BenchNumber.limit(number))
        }
    }
}

extension BenchNumber {
    /// A rounded number without trailing zeros: `0.95`, `60`, `25,000`, `−5`.
    static func limit(_ number: Double) -> String {
        var text = text(number)
        guard text.contains(".") else { return text }
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }
}
