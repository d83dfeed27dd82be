// A value that is computed when somebody asks for the metrics, such as the depth of a queue.

/// One value of one series, computed at scrape time.
public struct MetricSample: Sendable, Hashable {
    /// How the value behaves over time.
    public enum Kind: String, Sendable, Hashable {
        /// Goes up and down.
        case gauge
        /// Only grows; the name gets `_total` when it lacks it.
        case counter
    }

    /// The metric's name; characters that Prometheus does not know become underscores.
    public var name: String
    /// Gauge or counter.
    public var kind: Kind
    /// Label names and values, in any order.
    public var labels: [String: String]
    /// The value, in the base unit of the name.
    public var value: Double

    /// A sample; a gauge without labels where nothing else is said.
    public init(_ name: String, kind: Kind = .gauge, labels: [String: String] = [:], value: Double) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.value = value
    }
}

/// Computes samples when somebody asks for the metrics; when it throws, its samples are left out of that answer.
public typealias MetricCollector = @Sendable () async throws -> [MetricSample]
