// The arithmetic of the benchmark: percentiles, readings of Redis and /proc, records, results and their summary.

import Crypto
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletBench

@Suite struct BenchValueTests {
    @Test func `percentiles are values that were measured, by nearest rank`() {
        let samples = Samples((1...200).map(Double.init).shuffled())
        #expect(samples.percentile(0.5) == 100)
        #expect(samples.percentile(0.99) == 198)
        #expect(samples.percentile(0) == 1)
        #expect(samples.percentile(1) == 200)
        #expect(Samples([7]).percentile(0.99) == 7)
        #expect(Samples([]).percentile(0.5) == nil)
        #expect(Samples([0.002, 0.001, 0.003]).milliseconds == [.p50: 2, .p99: 3, .min: 1, .max: 3])
    }

    @Test func `the difference of two readings is what Redis did between them`() {
        let before = RedisReading(
            """
            # Stats\r
            total_net_input_bytes:1000\r
            total_net_output_bytes:500\r
            used_memory:7000\r
            used_cpu_sys:1.25\r
            used_cpu_user:2.5\r
            cmdstat_hset:calls=10,usec=5,usec_per_call=0.5\r
            cmdstat_info:calls=3,usec=1\r
            """)
        let after = RedisReading(
            """
            total_net_input_bytes:3000
            total_net_output_bytes:1500
            used_memory:6000
            used_cpu_sys:1.50
            used_cpu_user:3.0
            used_cpu_sys_children:9.0
            cmdstat_hset:calls=50,usec=9
            cmdstat_evalsha:calls=20,usec=80,usec_per_call=4.00,rejected_calls=0,failed_calls=0
            cmdstat_info:calls=4,usec=1
            """)
        let difference = after.since(before)
        #expect(difference.calls == ["hset": 40, "evalsha": 20])
        #expect(difference.memory == -1000)
        let costs = difference.perJob(10)
        #expect(costs[.commands] == 6)
        #expect(costs[.scripts] == 2)
        #expect(costs[.bytesIn] == 200)
        #expect(costs[.bytesOut] == 100)
        #expect(costs[.redisCPU] == 7500)
    }

    @Test func `a process' name may look like fields`() throws {
        let line = "42 (a) R (b 9) S 7 42 42 0 -1 4194560 100 0 0 0 30 12 5 3 20 0 4 0 100 0 0"
        let entry = try #require(ProcessTable.Entry(line))
        #expect(entry.parent == 7)
        #expect(entry.ticks == 50)
        #expect(ProcessTable.Entry("42 (cut off") == nil)
    }

    @Test func `our own processor time grows with work`() {
        let before = ProcessTable.cpu(of: [ProcessInfo.processInfo.processIdentifier])
        let start = BenchClock.ownCPU
        var sum = 0.0
        while BenchClock.ownCPU - start < 0.1 { sum += BenchClock.now }
        #expect(sum > 0)
        #expect(ProcessTable.cpu(of: [ProcessInfo.processInfo.processIdentifier]) - before >= 0.08)
    }

    @Test func `records come back as they were written, in the order of their starts`() throws {
        let directory = temporaryDirectory("records")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = BenchRecordFile(path: directory + "/records")
        #expect(file.count == 0)
        let records = [BenchRecord(started: 2.5, stamped: 1), BenchRecord(started: 2.25, stamped: 2)]
        let bytes = BenchRecordFile.encode(records)
        #expect(bytes.count == 32)
        // The last one is torn: somebody was writing it just now.
        try Data(bytes + [1, 2, 3]).write(to: URL(filePath: file.path))
        #expect(file.count == 2)
        #expect(file.records() == [records[1], records[0]])
        #expect(file.records().map { $0.started - $0.stamped } == [0.25, 1.5])
    }

    @Test func `results of several runs become medians with their ends`() throws {
        let rates: [Double?] = [100, 300, nil, 200]
        var results = rates.enumerated().map { index, rate in
            BenchResult(
                .drain, "c10", system: "martlet", run: index + 1, metrics: rate.map { [.jobsPerSecond: $0] } ?? [:],
                error: rate == nil ? "no Redis" : nil)
        }
        results.insert(BenchResult(.drain, "c10", system: "peer", run: 1, metrics: [.jobsPerSecond: 7]), at: 1)
        let summaries = BenchSummary.of(results)
        #expect(summaries.map(\.system) == ["martlet", "peer"])
        let own = try #require(summaries.first)
        #expect(own.runs == 3)
        #expect(own.errors == ["no Redis"])
        let spread = try #require(own[.jobsPerSecond])
        #expect((spread.median, spread.min, spread.max) == (200, 100, 300))
        #expect(BenchSpread([4, 1, 2, 3])?.median == 2.5)
        #expect(BenchSpread([]) == nil)
    }

    @Test func `a result is one line of JSON without invalid numbers`() throws {
        let result = BenchResult(
            .latency, "idle", system: "martlet", run: 2,
            metrics: [.p50: 0.123_456_789, .p99: .infinity, .jobs: 1_234_567])
        let expected =
            #"{"figure":"latency","metrics":{"jobs":1234567,"p50_ms":0.123457},"run":2,"system":"martlet","variant":"idle"}"#
        #expect(result.line == expected)
        let read = try JSONDecoder().decode(BenchResult.self, from: Data(result.line.utf8))
        #expect(read == result)
    }

    @Test func `numbers have three digits or more`() {
        let shown = [123_456.7, 99.96, 12.34, 9.999, 0.1234, -1.5, 0].map(BenchTable.number)
        #expect(shown == ["123457", "100.0", "12.3", "10.00", "0.123", "-1.50", "0.000"])
    }

    @Test func `a peer is a name and a command of its own`() throws {
        let peer = try #require(BenchSystem("asynq=./asynq --fast=yes"))
        #expect(peer.name == "asynq")
        #expect(peer.command.contains { $0.contains("exec ./asynq --fast=yes \"$@\"") })
        #expect(BenchSystem("asynq") == nil)
        #expect(BenchSystem("martlet=x") == nil)
        #expect(BenchSystem("bound=x") == nil)
    }

    @Test func `an address comes from a URL`() throws {
        let address = try RedisAddress("redis://ada:s%20t@example.org:7000/3")
        #expect((address.host, address.port, address.database) == ("example.org", 7000, 3))
        #expect((address.user, address.password) == ("ada", "s t"))
        #expect(try RedisAddress("unix:///run/redis.sock").path == "/run/redis.sock")
        #expect(try RedisAddress("redis://127.0.0.1:6379").isPlain)
        #expect(throws: CommandFailure.self) { try RedisAddress("rediss://example.org") }
    }

    @Test func `the rate of redis-benchmark is the second cell of its last line`() {
        let text = """
            "test","rps","avg_latency_ms","min_latency_ms"
            "EVALSHA abc 0 __rand_int__ xx","6493.51","0.148","0.072"
            """
        #expect(RedisBenchmark.rate(text) == 6493.51)
        #expect(RedisBenchmark.rate("ERR unknown") == nil)
    }
}

@Suite struct BenchLoadTests {
    @Test func `an answer is whole when its head and its body are there`() {
        let head = "HTTP/1.1 201 Created\r\ndate: now\r\nContent-Length: 5\r\n\r\n"
        #expect(HTTPAnswer.status(Array((head + "12345").utf8)) == 201)
        #expect(HTTPAnswer.status(Array((head + "1234").utf8)) == nil)
        #expect(HTTPAnswer.status(Array(head.dropLast(1).utf8)) == nil)
        #expect(HTTPAnswer.status(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)) == 204)
        #expect(HTTPAnswer.status([]) == nil)
    }

    @Test func `the sum of the origin's files is that of their bytes`() {
        let bytes = BenchOrigin.block + BenchOrigin.block.prefix(1000)
        #expect(BenchOrigin.sha256(of: bytes.count) == Hex.text(of: SHA256.hash(data: bytes)))
        #expect(BenchOrigin.sha256(of: 10) == Hex.text(of: SHA256.hash(data: BenchOrigin.block.prefix(10))))
    }

    @Test func `orders and reports have the names that peers know`() throws {
        var order = PushOrder(mode: .paced, jobs: 5)
        order.rate = 20
        order.due = 1000
        let text = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
        let read = try JSONValue.parse(text.utf8, source: "order")
        #expect(
            read
                == .object([
                    "mode": "paced", "jobs": 5, "rate": 20, "due_at_ms": 1000, "payload_bytes": 200,
                ]))
        let report = try JSONDecoder().decode(
            PushReport.self, from: Data(#"{"jobs":5,"seconds":1.5,"cpu_seconds":0.5,"more":1}"#.utf8))
        #expect(report == PushReport(jobs: 5, seconds: 1.5, cpu: 0.5))
    }
}
