// The metrics backend of a process: a factory for swift-metrics that answers in Prometheus' text format.

public import CoreMetrics
import Synchronization

/// Keeps the metrics of a process and writes them in the Prometheus text format, version 0.0.4.
///
/// Bootstrap swift-metrics with it once, then hold on to the handles that you make: an increment is one atomic
/// addition, making a handle is one look-up under a lock.
///
/// ```swift
/// let registry = PrometheusRegistry()
/// MetricsSystem.bootstrap(registry)
/// Counter(label: "martlet_jobs_enqueued_total", dimensions: [("queue", "default")]).increment()
/// print(registry.render())
/// ```
///
/// Counters get `_total`, timers are histograms in seconds, recorders are histograms or, when they don't aggregate,
/// gauges. A metric has at most `seriesLimit` series, and each queue at most `queueLimit` of them; what comes after is
/// counted under the type `other`, and `martlet_metric_series_folded_total` says how often.
public final class PrometheusRegistry: MetricsFactory {
    /// The content type of what ``render()`` and ``scrape()`` return.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private let descriptions: [String: MetricDescription]
    private let buckets: [Double]
    private let table: Mutex<MetricTable>
    private let collectors = Mutex<[MetricCollector]>([])
    private let collectorLimit: Duration

    /// An empty registry.
    ///
    /// `buckets` are the bounds of histograms without a description.
    public init(
        descriptions: [MetricDescription] = .martlet, buckets: [Double] = TimeBuckets.requests,
        seriesLimit: Int = 2000, queueLimit: Int = 200, collectorLimit: Duration = .seconds(2)
    ) {
        self.descriptions = Dictionary(descriptions.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.buckets = buckets.filter(\.isFinite).sorted()
        self.table = Mutex(MetricTable(seriesLimit: max(1, seriesLimit), queueLimit: max(1, queueLimit)))
        self.collectorLimit = collectorLimit
    }

    /// Adds values that are computed whenever somebody calls ``scrape()``.
    public func addCollector(_ collector: @escaping MetricCollector) {
        collectors.withLock { $0.append(collector) }
    }

    /// The text of all series of this process, without the collectors'.
    public func render() -> String { render([]) }

    /// The text of all series and of all collectors, which run at the same time.
    ///
    /// `martlet_collector_errors` says how many collectors failed or took longer than `collectorLimit`.
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

    /// What a collector answers in time; `nil` when it fails or takes too long.
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
    /// A counter; the name gets `_total` when it lacks it.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    /// A counter of fractions; it may be the same series as one of whole numbers.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions)
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// A histogram when the values are aggregated, else a gauge.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate ? histogram(.init(.histogram, label, dimensions), dimensions) : gauge(label, dimensions)
    }

    /// A histogram in seconds; the name gets `_seconds` when it lacks it.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(.init(.histogram, isTime: true, label, dimensions), dimensions)
    }

    /// Forgets the series of a counter, for all who hold it.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }

    /// Forgets the series of a counter, for all who hold it.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }

    /// Forgets the series of a gauge, for all who hold it.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }

    /// Forgets the series of a recorder, for all who hold it.
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }

    /// Forgets the series of a timer, for all who hold it.
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
