// The description of a metric: its help text and, for a histogram, its buckets.

/// The help text of a metric and the upper bounds of its buckets.
public struct MetricDescription: Sendable, Hashable {
    /// The name in the exposition, including unit and `_total`.
    public var name: String
    /// One sentence for dashboard users.
    public var help: String
    /// The kind; a metric of known kind is shown before it has a value.
    public var kind: Kind?
    /// The labels of the series that are shown as 0 before they have a value; `[:]` is a series without labels.
    public var series: [[String: String]]
    /// The ascending upper bounds of a histogram's buckets in its base unit; `nil` means the registry's default.
    public var buckets: [Double]?

    /// The kind of a metric, in Prometheus terms.
    public enum Kind: String, Sendable, Hashable {
        /// Only increases.
        case counter
        /// Increases and decreases.
        case gauge
        /// Counts values in buckets.
        case histogram
    }

    /// Creates a description.
    ///
    /// - Parameters:
    ///   - name: the name in the exposition.
    ///   - help: one sentence for dashboard users.
    ///   - kind: the kind; `nil` when it is not known beforehand.
    ///   - series: the labels of the series that are shown as 0 before they have a value.
    ///   - buckets: the ascending upper bounds of a histogram's buckets.
    public init(
        name: String, help: String, kind: Kind? = nil, series: [[String: String]] = [], buckets: [Double]? = nil
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.series = series
        self.buckets = buckets
    }

    /// One series per value of a label.
    ///
    /// - Parameters:
    ///   - label: the label's name.
    ///   - values: its values.
    /// - Returns: the labels of each series.
    public static func each(_ label: String, _ values: String...) -> [[String: String]] { values.map { [label: $0] } }
}

/// Bucket bounds in seconds.
public enum TimeBuckets {
    /// 100 µs to 10 s: requests and store commands.
    public static let requests: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// 5 ms to 6 h: waiting and running times of jobs.
    public static let jobs: [Double] = [
        0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600,
    ]
}
