// What is known of a metric beforehand: its help text and, for a histogram, its buckets.

/// The help text of a metric and the upper bounds of its buckets.
public struct MetricDescription: Sendable, Hashable {
    /// The name as it stands in the exposition, unit and `_total` included.
    public var name: String
    /// One sentence for the reader of a dashboard.
    public var help: String
    /// What it is; a metric whose kind is known is shown before it has a value.
    public var kind: Kind?
    /// The labels of the series that are shown with 0 before they have a value; a series without labels is `[:]`.
    public var series: [[String: String]]
    /// Upper bounds of a histogram's buckets in its base unit, rising; `nil` means the registry's default.
    public var buckets: [Double]?

    /// What a metric is, in Prometheus' words.
    public enum Kind: String, Sendable, Hashable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts values in buckets.
        case histogram
    }

    /// A description; `buckets` count only for histograms.
    public init(
        name: String, help: String, kind: Kind? = nil, series: [[String: String]] = [], buckets: [Double]? = nil
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.series = series
        self.buckets = buckets
    }

    /// The same label with each of these values.
    public static func each(_ label: String, _ values: String...) -> [[String: String]] { values.map { [label: $0] } }
}

/// Bucket bounds for the ranges of time that the service sees, in seconds.
public enum TimeBuckets {
    /// 100 µs to 10 s: requests and store commands.
    public static let requests: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// 5 ms to 6 h: waiting and running of jobs.
    public static let jobs: [Double] = [
        0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600,
    ]
}
