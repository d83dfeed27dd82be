// The metrics backend through the handles that the rest of the service holds, judged by the text that it serves.

import CoreMetrics
import Foundation
import MartletTelemetry
import Testing

@Suite struct MetricsTests {
    private let registry = PrometheusRegistry(descriptions: [], buckets: [0.1, 1, 10])

    @Test func `a counter adds whole and broken steps and ends in total`() {
        Counter(label: "jobs", dimensions: [("queue", "a")], factory: registry).increment(by: 2)
        FloatingPointCounter(label: "jobs_total", dimensions: [("queue", "a")], factory: registry).increment(by: 0.5)
        #expect(registry.render() == "# TYPE jobs_total counter\njobs_total{queue=\"a\"} 2.5\n")
    }

    @Test func `a counter never goes back`() {
        let counter = Counter(label: "jobs", factory: registry)
        counter.increment(by: 3)
        counter.increment(by: -2)
        let floating = FloatingPointCounter(label: "jobs", factory: registry)
        floating.increment(by: Double.nan)
        floating.increment(by: -Double.infinity)
        #expect(registry.render().hasSuffix("jobs_total 3\n"))
    }

    @Test func `a reset counter starts again`() {
        let counter = Counter(label: "jobs", factory: registry)
        counter.increment(by: 3)
        counter.reset()
        #expect(registry.render().hasSuffix("jobs_total 0\n"))
    }

    @Test func `a gauge keeps the last value`() {
        let meter = Meter(label: "slots", factory: registry)
        meter.set(4)
        meter.increment(by: 2.5)
        meter.decrement(by: 1)
        let gauge = Gauge(label: "depth", factory: registry)
        gauge.record(7)
        #expect(registry.render() == "# TYPE depth gauge\ndepth 7\n# TYPE slots gauge\nslots 5.5\n")
    }

    @Test func `a timer is a cumulative histogram in seconds`() {
        let timer = Timer(label: "run", dimensions: [("queue", "a")], factory: registry)
        for milliseconds in [50, 100, 500, 5000, 60_000] as [Int64] { timer.recordMilliseconds(milliseconds) }
        let expected = """
            # TYPE run_seconds histogram
            run_seconds_bucket{queue="a",le="0.1"} 2
            run_seconds_bucket{queue="a",le="1"} 3
            run_seconds_bucket{queue="a",le="10"} 4
            run_seconds_bucket{queue="a",le="+Inf"} 5
            run_seconds_sum{queue="a"} 65.65
            run_seconds_count{queue="a"} 5

            """
        #expect(registry.render() == expected)
    }

    @Test func `a recorder that aggregates is a histogram without a unit and takes no odd values`() {
        let recorder = Recorder(label: "size", factory: registry)
        recorder.record(0.5)
        recorder.record(Double.nan)
        recorder.record(Double.infinity)
        let text = registry.render()
        #expect(text.contains("size_sum 0.5\n"))
        #expect(text.contains("size_count 1\n"))
    }

    @Test func `known metrics have a help line and buckets of their own`() {
        let registry = PrometheusRegistry(
            descriptions: [.init(name: "run_seconds", help: "Back\\slash\nand line.", buckets: [5, 2])])
        Timer(label: "run_seconds", factory: registry).recordSeconds(3)
        let text = registry.render()
        #expect(text.hasPrefix("# HELP run_seconds Back\\\\slash\\nand line.\n# TYPE run_seconds histogram\n"))
        #expect(text.contains("run_seconds_bucket{le=\"2\"} 0\nrun_seconds_bucket{le=\"5\"} 1\n"))
    }

    @Test func `names and labels are sanitised and values escaped`() {
        Gauge(
            label: "9 odd.name-ü", dimensions: [("le", "a\"b\\c\nd"), ("__x", ""), ("ä b", "ü")], factory: registry
        ).record(1)
        // Two bytes of ä make two underscores, which Prometheus keeps for itself.
        let labels = #"label___b="ü",label__x="",le_="a\"b\\c\nd""#
        #expect(registry.render().hasSuffix("_9_odd_name___{\(labels)} 1\n"))
    }

    @Test func `the order of labels makes no second series and one name twice counts once`() {
        Counter(label: "c", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "c", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        Counter(label: "c", dimensions: [("a", "0"), ("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(registry.render().hasSuffix("c_total{a=\"1\",b=\"2\"} 3\n"))
    }

    @Test func `metrics and series come in the same order whatever the order of making`() {
        let other = PrometheusRegistry(descriptions: [], buckets: [1])
        let labels = ["b", "a", "c", "d"]
        for label in labels { Counter(label: label, dimensions: [("q", label)], factory: registry).increment() }
        for label in labels { Counter(label: "z", dimensions: [("q", label)], factory: registry).increment() }
        for label in labels.reversed() {
            Counter(label: "z", dimensions: [("q", label)], factory: other).increment()
            Counter(label: label, dimensions: [("q", label)], factory: other).increment()
        }
        #expect(registry.render() == other.render())
        #expect(registry.render().contains("z_total{q=\"a\"} 1\nz_total{q=\"b\"} 1\nz_total{q=\"c\"} 1\n"))
    }

    @Test func `whole numbers beyond the exact range and values that are none are written as Prometheus reads them`() {
        for (name, value) in [("a", Double.infinity), ("b", -.infinity), ("c", .nan), ("d", 1e300), ("e", -3)] {
            Gauge(label: name, factory: registry).record(value)
        }
        let values = registry.render().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(values == ["a +Inf", "b -Inf", "c NaN", "d 1e+300", "e -3"])
    }

    @Test func `one name is one kind, and a second kind is counted as a conflict`() {
        Counter(label: "x_total", factory: registry).increment()
        Gauge(label: "x_total", factory: registry).record(9)
        let text = registry.render()
        #expect(text.contains("x_total 1\n"))
        #expect(!text.contains("9"))
        #expect(text.contains("martlet_metric_conflicts_total 1\n"))
    }

    @Test func `the number of label values is limited`() {
        let registry = PrometheusRegistry(descriptions: [], buckets: [], seriesLimit: 3)
        for index in 0..<100 {
            Counter(label: "c", dimensions: [("type", "t\(index)")], factory: registry).increment()
        }
        let lines = registry.render().split(separator: "\n").filter { $0.hasPrefix("c_total") }
        #expect(lines.count == 4)
        #expect(lines.contains("c_total{type=\"other\"} 97"))
    }

    @Test func `a destroyed series is gone and its family with it`() {
        let counter = Counter(label: "c", factory: registry)
        let timer = Timer(label: "t", factory: registry)
        Meter(label: "m", factory: registry).destroy()
        counter.destroy()
        timer.destroy()
        FloatingPointCounter(label: "f", factory: registry).destroy()
        Recorder(label: "r", factory: registry).destroy()
        #expect(registry.render().isEmpty)
    }

    @Test func `nothing is lost when many tasks count at once`() async {
        let registry = registry
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let floating = FloatingPointCounter(label: "f", factory: registry)
                    let timer = Timer(label: "t", factory: registry)
                    for _ in 0..<2000 {
                        Counter(label: "c", dimensions: [("i", "\(index % 2)")], factory: registry).increment()
                        floating.increment(by: 0.5)
                        timer.recordSeconds(2)
                    }
                }
            }
        }
        let text = registry.render()
        #expect(text.contains("c_total{i=\"0\"} 8000\nc_total{i=\"1\"} 8000\n"))
        #expect(text.contains("f_total 8000\n"))
        #expect(text.contains("t_seconds_bucket{le=\"1\"} 0\nt_seconds_bucket{le=\"10\"} 16000\n"))
        #expect(text.contains("t_seconds_sum 32000\n"))
    }
}

@Suite struct CollectorTests {
    private struct Unavailable: Error {}

    @Test func `a scrape asks the collectors anew each time and merges them with what is counted`() async {
        let registry = PrometheusRegistry(
            descriptions: [.init(name: "depth", help: "Waiting.")], collectorLimit: .seconds(60))
        let calls = Counter(label: "calls", factory: registry)
        registry.addCollector {
            calls.increment()
            return [
                MetricSample("depth", labels: ["queue": "b", "a": "1"], value: 2),
                MetricSample("seen", kind: .counter, value: 1.5),
            ]
        }
        _ = await registry.scrape()
        let text = await registry.scrape()
        #expect(
            text == """
                # TYPE calls_total counter
                calls_total 2
                # HELP depth Waiting.
                # TYPE depth gauge
                depth{a="1",queue="b"} 2
                # TYPE seen_total counter
                seen_total 1.5

                """)
        #expect(registry.render() == "# TYPE calls_total counter\ncalls_total 2\n")
    }

    @Test func `a failing collector loses only its own samples`() async {
        let registry = PrometheusRegistry(descriptions: [], collectorLimit: .seconds(60))
        registry.addCollector { throw Unavailable() }
        registry.addCollector { [MetricSample("up", value: 1)] }
        let text = await registry.scrape()
        #expect(text.contains("martlet_collector_errors 1\n"))
        #expect(text.contains("up 1\n"))
    }

    @Test func `every known metric has one sentence of help, and counters alone end in total`() {
        let names = [MetricDescription].martlet.map(\.name)
        #expect(Set(names).count == names.count)
        for description in [MetricDescription].martlet {
            #expect(description.help.hasSuffix("."))
            #expect(description.buckets == nil || description.name.hasSuffix("_seconds"))
            #expect(description.buckets?.sorted() == description.buckets)
        }
    }

    @Test func `a metric whose kind is known is there from the start, with 0 where its labels are known`() {
        let registry = PrometheusRegistry(descriptions: [
            .init(name: "a_total", help: "A.", kind: .counter, series: MetricDescription.each("s", "x", "y")),
            .init(name: "b", help: "B.", kind: .gauge), .init(name: "c", help: "C.", kind: .gauge, series: [[:]]),
            .init(name: "d_seconds", help: "D.", kind: .histogram, series: [[:]], buckets: [1]),
            .init(name: "e", help: "E."),
        ])
        Counter(label: "a_total", dimensions: [("s", "y")], factory: registry).increment(by: 3)
        let expected = """
            # HELP a_total A.
            # TYPE a_total counter
            a_total{s="x"} 0
            a_total{s="y"} 3
            # HELP b B.
            # TYPE b gauge
            # HELP c C.
            # TYPE c gauge
            c 0
            # HELP d_seconds D.
            # TYPE d_seconds histogram
            d_seconds_bucket{le="1"} 0
            d_seconds_bucket{le="+Inf"} 0
            d_seconds_sum 0
            d_seconds_count 0

            """
        #expect(registry.render() == expected)
    }

    @Test func `too many types in one queue are merged there and do not affect others`() {
        let registry = PrometheusRegistry(descriptions: [], seriesLimit: 50, queueLimit: 10)
        func count(_ queue: String, _ type: String) {
            Counter(
                label: "jobs", dimensions: [("queue", queue), ("type", type), ("outcome", "done")], factory: registry
            ).increment()
        }
        for number in 0..<1000 { count("flooded", "t\(number)") }
        count("quiet", "mail")
        count("quiet", "mail")
        count("flooded", "t3")
        let text = registry.render()
        #expect(text.contains(#"jobs_total{outcome="done",queue="quiet",type="mail"} 2"#))
        #expect(text.contains(#"jobs_total{outcome="done",queue="flooded",type="other"} 990"#))
        #expect(text.contains(#"jobs_total{outcome="done",queue="flooded",type="t3"} 2"#))
        #expect(text.contains(#"martlet_metric_series_folded_total{metric="jobs_total"} 990"#))
    }

    @Test func `the number of queues in labels is limited too`() {
        let registry = PrometheusRegistry(descriptions: [], seriesLimit: 20, queueLimit: 10)
        for number in 0..<1000 {
            Counter(label: "jobs", dimensions: [("queue", "q\(number)"), ("type", "t")], factory: registry).increment()
        }
        let lines = registry.render().split(separator: "\n").filter { $0.hasPrefix("jobs_total{") }
        #expect(lines.count <= 41)
        let sum = lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(sum == 1000, "nothing is lost")
    }

    @Test func `a collector that does not return does not delay the scrape`() async {
        let registry = PrometheusRegistry(descriptions: [], collectorLimit: .milliseconds(50))
        registry.addCollector {
            try await Task.sleep(for: .seconds(60))
            return [MetricSample("never", value: 1)]
        }
        registry.addCollector { [MetricSample("soon", value: 1)] }
        var text = await registry.scrape()
        let end = ContinuousClock.now + .seconds(30)
        // On a busy machine the other collector may exceed so short a limit too.
        while !text.contains("soon 1\n"), ContinuousClock.now < end { text = await registry.scrape() }
        #expect(text.contains("soon 1\n") && text.contains("martlet_collector_errors 1\n"))
    }

    @Test func `every metric that the sources name has a help text and a kind`() throws {
        let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: top, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        let known = Dictionary(uniqueKeysWithValues: [MetricDescription].martlet.map { ($0.name, $0) })
        var named: Set<String> = []
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /(label: |Sample\(\s*|sample\()"(martlet_[a-z_]+)"/) {
                named.insert(String(match.output.2))
            }
        }
        #expect(named.count > 15)
        for name in named {
            let description = known[name] ?? known[name + "_total"]
            #expect(description?.kind != nil && description?.help.isEmpty == false, "\(name)")
        }
    }

    @Test(arguments: ["prometheus-alerts.yaml", "grafana-dashboard.json"])
    func `every metric that the shipped alerts and panels ask for exists`(file: String) throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "config/\(file)")
        let text = try String(contentsOf: path, encoding: .utf8)
        let known = Set([MetricDescription].martlet.map(\.name))
        let asked = Set(text.matches(of: /martlet_[a-z_]+/).map { String($0.output) })
        #expect(asked.count > 10)
        for name in asked {
            let family = name.hasSuffix("_bucket") ? String(name.dropLast("_bucket".count)) : name
            #expect(known.contains(family), "\(file) asks for \(name)")
        }
    }
}
