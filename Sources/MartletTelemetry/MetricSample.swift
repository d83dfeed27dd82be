// A metric value that is computed at scrape time, such as the depth of a queue.

/// One value of one series, computed at scrape time.
public struct MetricSample: Sendable, Hashable {
    /// How the value changes over time.
    public enum Kind: String, Sendable, Hashable {
        /// Increases and decreases.
        case gauge
        /// Only increases; `_total` is appended to the name if missing.
        case counter
    }

    /// The metric's name; invalid characters become underscores.
    public var name: String
    /// Gauge or counter.
    public var kind: Kind
    /// Label names and values, in any order.
    public var labels: [String: String]
    /// The value, in the base unit of the name.
    public var value: Double

    /// Creates a sample.
    ///
    /// - Parameters:
    ///   - name: the metric's name.
    ///   - kind: gauge or counter; gauge by default.
    ///   - labels: label names and values.
    ///   - value: the value, in the base unit of the name.
    public init(_ name: String, kind: Kind = .gauge, labels: [String: String] = [:], value: Double) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.value = value
    }
}

/// Computes samples at scrape time; when it throws, the scrape lacks its samples.
public typealias MetricCollector = @Sendable () async throws -> [MetricSample]
