// The metrics backend of a process: a swift-metrics factory that renders the Prometheus text format.

public import CoreMetrics
import Synchronization

/// Collects the metrics of a process and renders them in the Prometheus text format, version 0.0.4.
///
/// Bootstrap swift-metrics with it once, and keep the handles: an increment is one atomic addition, creating a handle
/// is a lookup under a lock.
///
/// ```swift
/// let registry = PrometheusRegistry()
/// MetricsSystem.bootstrap(registry)
/// Counter(label: "martlet_jobs_enqueued_total", dimensions: [("queue", "default")]).increment()
/// print(registry.render())
/// ```
///
/// Counters get `_total`, timers are histograms in seconds, recorders are histograms or, without aggregation, gauges. A
/// metric has at most `seriesLimit` series, and each queue at most `queueLimit` of them; further ones are counted under
/// the type `other`, and `martlet_metric_series_folded_total` counts how often.
public final class PrometheusRegistry: MetricsFactory {
    /// The content type of ``render()`` and ``scrape()``.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private let descriptions: [String: MetricDescription]
    private let buckets: [Double]
    private let table: Mutex<MetricTable>
    private let collectors = Mutex<[MetricCollector]>([])
    private let collectorLimit: Duration

    /// Creates an empty registry.
    ///
    /// - Parameters:
    ///   - descriptions: the known metrics.
    ///   - buckets: the bucket bounds of histograms without a description.
    ///   - seriesLimit: the most series per metric.
    ///   - queueLimit: the most series per metric and queue.
    ///   - collectorLimit: the time limit of a collector.
    public init(
        descriptions: [MetricDescription] = .martlet, buckets: [Double] = TimeBuckets.requests,
        seriesLimit: Int = 2000, queueLimit: Int = 200, collectorLimit: Duration = .seconds(2)
    ) {
        self.descriptions = Dictionary(descriptions.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.buckets = buckets.filter(\.isFinite).sorted()
        self.table = Mutex(MetricTable(seriesLimit: max(1, seriesLimit), queueLimit: max(1, queueLimit)))
        self.collectorLimit = collectorLimit
    }

    /// Adds a collector that each ``scrape()`` runs.
    ///
    /// - Parameter collector: computes samples.
    public func addCollector(_ collector: @escaping MetricCollector) {
        collectors.withLock { $0.append(collector) }
    }

    /// Renders all series of this process, without collectors.
    ///
    /// - Returns: the text.
    public func render() -> String { render([]) }

    /// Renders all series and the samples of all collectors, which run concurrently.
    ///
    /// `martlet_collector_errors` counts collectors that failed or exceeded `collectorLimit`.
    ///
    /// - Returns: the text.
    @concurrent
    public func scrape() async -> String {
        let all = collectors.withLock { $0 }
        let results = await withTaskGroup(of: [MetricSample]?.self) { group in
            for collector in all { group.addTask { await self.samples(collector) } }
            return await group.reduce(into: [[MetricSample]?]()) { $0.append($1) }
        }
        var samples = results.compactMap(\.self).flatMap(\.self)
        let failed = results.count { $0 == nil }
        if failed > 0 { samples.append(MetricSample("martlet_collector_errors", value: Double(failed))) }
        return render(samples)
    }

    /// The samples of a collector; `nil` when it fails or exceeds its limit.
    private func samples(_ collector: @escaping MetricCollector) async -> [MetricSample]? {
        await withTaskGroup(of: [MetricSample]?.self) { group in
            group.addTask { try? await collector() }
            group.addTask { [collectorLimit] in
                try? await Task.sleep(for: collectorLimit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    private func render(_ samples: [MetricSample]) -> String {
        let (families, conflicts) = table.withLock { ($0.families, $0.conflicts) }
        var text = Exposition()
        for (name, family) in families {
            for (labels, instrument) in family.series {
                text.add(name, family.kind, labels: labels, lines: instrument.lines(name: name, labels: labels))
            }
            guard family.folded > 0 else { continue }
            text.add(
                MetricSample(
                    "martlet_metric_series_folded", kind: .counter, labels: ["metric": name],
                    value: Double(family.folded)))
        }
        for sample in samples { text.add(sample) }
        text.conflicts += conflicts
        text.addConflicts()
        for description in descriptions.values { text.announce(description, buckets: buckets) }
        return text.rendered { self.descriptions[$0]?.help }
    }

    private func histogram(_ request: MetricTable.Request, _ dimensions: [(String, String)]) -> HistogramInstrument {
        table.withLock {
            $0.instrument(for: request, dimensions) { name in
                HistogramInstrument(bounds: descriptions[name]?.buckets?.sorted() ?? buckets)
            }
        }
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeInstrument {
        table.withLock {
            $0.instrument(for: .init(.gauge, label, dimensions), dimensions) { _ in GaugeInstrument() }
        }
    }

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterInstrument {
        table.withLock {
            $0.instrument(for: .init(.counter, label, dimensions), dimensions) { _ in CounterInstrument() }
        }
    }

    private func remove(_ handler: AnyObject) { table.withLock { $0.remove(handler) } }
}

extension PrometheusRegistry {
    /// Creates a counter; `_total` is appended to the name if missing.
    ///
    /// - Parameters:
    ///   - label: the name.
    ///   - dimensions: the labels.
    /// - Returns: the handler.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    /// Creates a counter of fractions; it may share its series with one of integers.
    ///
    /// - Parameters:
    ///   - label: the name.
    ///   - dimensions: the labels.
    /// - Returns: the handler.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions)
    }

    /// Creates a gauge.
    ///
    /// - Parameters:
    ///   - label: the name.
    ///   - dimensions: the labels.
    /// - Returns: the handler.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// Creates a histogram for aggregated values, otherwise a gauge.
    ///
    /// - Parameters:
    ///   - label: the name.
    ///   - dimensions: the labels.
    ///   - aggregate: whether values are aggregated.
    /// - Returns: the handler.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate ? histogram(.init(.histogram, label, dimensions), dimensions) : gauge(label, dimensions)
    }

    /// Creates a histogram in seconds; `_seconds` is appended to the name if missing.
    ///
    /// - Parameters:
    ///   - label: the name.
    ///   - dimensions: the labels.
    /// - Returns: the handler.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(.init(.histogram, isTime: true, label, dimensions), dimensions)
    }

    /// Removes the series of a counter, for all its holders.
    ///
    /// - Parameter handler: the counter.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }

    /// Removes the series of a counter, for all its holders.
    ///
    /// - Parameter handler: the counter.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }

    /// Removes the series of a gauge, for all its holders.
    ///
    /// - Parameter handler: the gauge.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }

    /// Removes the series of a recorder, for all its holders.
    ///
    /// - Parameter handler: the recorder.
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }

    /// Removes the series of a timer, for all its holders.
    ///
    /// - Parameter handler: the timer.
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
