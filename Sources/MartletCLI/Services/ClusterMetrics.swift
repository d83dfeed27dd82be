// What only a server says of the whole: depths, waits and pauses of all queues.

import MartletQueue
import MartletTelemetry

/// Computes the gauges of all queues when somebody asks for the metrics.
enum ClusterMetrics {
    /// Adds them to a registry.
    static func add(to registry: PrometheusRegistry, store: JobStore) {
        registry.addCollector {
            [
                MetricSample("martlet_redis_up", value: store.isConnected ? 1 : 0),
                MetricSample("martlet_build_info", labels: ["version": Version.current], value: 1),
            ]
        }
        registry.addCollector {
            var samples: [MetricSample] = []
            for name in try await store.queueNames() {
                guard let status = try await store.queue(name).status() else { continue }
                samples += Self.samples(status)
            }
            return samples
        }
    }

    /// The gauges of one queue.
    static func samples(_ status: QueueStatus) -> [MetricSample] {
        let queue = status.name.description
        var samples = JobIndex.allCases.map { index in
            MetricSample(
                "martlet_jobs", labels: ["queue": queue, "state": index.rawValue],
                value: Double(status.jobs[index] ?? 0))
        }
        samples.append(
            MetricSample(
                "martlet_queue_latency_seconds", labels: ["queue": queue], value: status.oldestWait / .seconds(1)))
        samples.append(
            MetricSample("martlet_queue_paused", labels: ["queue": queue], value: status.isPaused ? 1 : 0))
        return samples
    }
}
