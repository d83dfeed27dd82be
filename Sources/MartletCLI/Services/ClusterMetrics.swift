// The metrics that only a server exposes: depths, waits and pauses of all queues.

import MartletHTTP
import MartletQueue
import MartletTelemetry

/// The gauges of all queues, computed at scrape time.
enum ClusterMetrics {
    /// Adds the gauges to a registry.
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
                // An unreadable queue does not hide others.
                guard let status = try? await store.queue(name).status() else { continue }
                samples += Self.samples(status)
                guard status.hasLimits, let page = try? await store.queue(name).limits(limit: Self.mostLimits) else {
                    continue
                }
                samples += page.limits.flatMap { Self.samples($0, queue: name) }
            }
            return samples
        }
    }

    /// Adds the end of the server's certificate.
    static func add(to registry: PrometheusRegistry, certificate: ServerCertificate) {
        registry.addCollector {
            [MetricSample("martlet_tls_certificate_expiry_timestamp_seconds", value: Double(certificate.expires))]
        }
    }

    /// The most limits of a queue that have gauges.
    private static let mostLimits = 200

    /// The gauges of one limit.
    private static func samples(_ limit: LimitStatus, queue: QueueName) -> [MetricSample] {
        let labels = ["queue": queue.description, "limit": limit.name]
        return [
            MetricSample("martlet_limit_usage", labels: labels, value: Double(limit.usage)),
            MetricSample("martlet_limit_waiting", labels: labels, value: Double(limit.waiting)),
        ]
    }

    /// The gauges of one queue.
    static func samples(_ status: QueueStatus) -> [MetricSample] {
        let queue = status.name.description
        func sample(_ name: String, _ value: Double, kind: MetricSample.Kind = .gauge) -> MetricSample {
            MetricSample(name, kind: kind, labels: ["queue": queue], value: value)
        }
        let jobs = JobIndex.allCases.map { index in
            MetricSample(
                "martlet_jobs", labels: ["queue": queue, "state": index.rawValue],
                value: Double(status.jobs[index] ?? 0))
        }
        return jobs + [
            sample("martlet_queue_latency_seconds", status.oldestWait / .seconds(1)),
            sample("martlet_queue_paused", status.isPaused ? 1 : 0),
            sample("martlet_ledger_difference", Double(status.ledgerDifference)),
            sample("martlet_repaired_total", Double(status.repairedEver), kind: .counter),
        ]
    }
}
