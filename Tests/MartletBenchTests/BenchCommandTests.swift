// `martlet-bench` itself, with few jobs: that everything is counted right, not how fast it was.

import FoundationEssentials
import MartletCommandSupport
import MartletRedis
import TestSupport
import Testing

@testable import MartletBench

@Suite struct BenchCommandTests {
    @Test(.timeLimit(.minutes(12))) func `push and drain count every job once`() async throws {
        let directory = temporaryDirectory("bench")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let bench = try Subprocess(
            BenchFiles.program, ["drain", "push", "--quick", "--jobs", "300", "-o", "jsonl"],
            environment: Programs.environment, output: directory + "/out", errors: directory + "/err")
        let status = await bench.wait(within: .seconds(600))
        #expect(status == 0, "\(BenchFiles.text(directory + "/err"))")
        let results = try BenchFiles.text(directory + "/out").split(separator: "\n").map {
            try JSONDecoder().decode(BenchResult.self, from: Data($0.utf8))
        }
        let own = results.filter { $0.system == "martlet" }
        #expect(
            own.map { "\($0.figure) \($0.variant)" } == [
                "drain c100", "drain c100-kept", "drain c10", "drain c100-bare", "drain c100-kept-bare",
                "drain c10-bare", "push bulk", "push single", "push concurrent",
            ])
        for result in own {
            #expect(result.error == nil)
            #expect(result[.jobs] == 300)
            // No script calls nothing, and no job is pushed or run without its payload of 200 bytes.
            let (commands, scripts) = (try #require(result[.commands]), try #require(result[.scripts]))
            #expect(commands > scripts && scripts > 0)
            let payload = try #require(result.figure == "push" ? result[.bytesIn] : result[.bytesOut])
            #expect(payload > 200, "\(result)")
            let ratio = try #require(result[.ratioToBound])
            #expect(ratio > 0)
        }
        let bounds = results.filter { $0.system == "bound" }
        #expect(bounds.contains { $0.variant == "drain-kept-b100" && $0[.jobs] == 300 })
        #expect(bounds.contains { $0.variant == "evalsha-c1" })
    }

    @Test(.timeLimit(.minutes(6))) func `a Redis with keys is refused`() async throws {
        let directory = temporaryDirectory("bench")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let redis = try await PrivateRedisServer.start(directory: directory)
        let raw = try RawRedis(RedisAddress(redis.url))
        #expect(try raw.command(["SET", "precious", "1"]) == .text("OK"))
        let bench = try Subprocess(
            BenchFiles.program, ["drain", "--quick", "--redis", redis.url],
            environment: Programs.environment, errors: directory + "/err")
        #expect(await bench.wait(within: .seconds(120)) == CommandExitCode.usage.rawValue)
        #expect(BenchFiles.text(directory + "/err").contains("has 1 keys"))
        #expect(try raw.command(["GET", "precious"]) == .text("1"))
        await redis.stop()
    }

    @Test(.timeLimit(.minutes(6))) func `a peer that loses or repeats jobs gives an error and no figure`()
        async throws
    {
        let directory = temporaryDirectory("bench")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        // It says that it has pushed all, and runs fifty jobs whatever was pushed.
        let peer = directory + "/peer"
        try Data(
            """
            #!/bin/sh
            if [ "$1" = push ]; then
                echo '{"jobs":60,"seconds":0.5}'
            else
                head -c 800 /dev/zero >> "$BENCH_RECORDS"
            fi
            """.utf8
        ).write(to: URL(filePath: peer))
        let bench = try Subprocess(
            BenchFiles.program,
            ["workers", "--quick", "--jobs", "60", "--peer", "loser=/bin/sh \(peer)", "-o", "jsonl"],
            environment: Programs.environment, output: directory + "/out", errors: directory + "/err")
        #expect(await bench.wait(within: .seconds(300)) == CommandExitCode.partial.rawValue)
        let results = try BenchFiles.text(directory + "/out").split(separator: "\n").map {
            try JSONDecoder().decode(BenchResult.self, from: Data($0.utf8))
        }
        let peers = results.filter { $0.system == "loser" }
        #expect(peers.map(\.variant) == ["one", "two"])
        #expect(peers.allSatisfy { $0.metrics.isEmpty })
        #expect(peers.first?.error?.contains("50 of 60 jobs were run") == true)
        // A hundred, unless the first fifty were seen before the second worker wrote.
        let last = try #require(peers.last?.error)
        #expect(last.contains("jobs were run instead of 60") || last.contains("of 60 jobs were run"))
        #expect(results.filter { $0.system == "martlet" }.allSatisfy { $0[.jobs] == 60 })
    }

    @Test(.timeLimit(.minutes(12))) func `every figure that waits, serves or starts has a value`() async throws {
        let directory = temporaryDirectory("bench")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let bench = try Subprocess(
            BenchFiles.program,
            [
                "latency", "rates", "scheduled", "backlog", "memory", "http", "download", "start", "--quick", "-o",
                "jsonl",
            ],
            environment: Programs.environment, output: directory + "/out", errors: directory + "/err")
        let status = await bench.wait(within: .seconds(600))
        #expect(status == 0, "\(BenchFiles.text(directory + "/err"))")
        let results = try BenchFiles.text(directory + "/out").split(separator: "\n").map {
            try JSONDecoder().decode(BenchResult.self, from: Data($0.utf8))
        }
        func own(_ figure: BenchFigure, _ variant: String) -> BenchResult? {
            results.first { $0.figure == figure.rawValue && $0.variant == variant && $0.system == BenchSystem.own }
        }
        let idle = try #require(own(.latency, "idle"))
        let (p50, p99) = (try #require(idle[.p50]), try #require(idle[.p99]))
        #expect(p50 > 0 && p99 >= p50)
        let scheduled = try #require(own(.scheduled, "at-once"))
        #expect(scheduled[.early] == 0)
        for rate in RatesFigure.rates {
            let result = try #require(own(.rates, String(rate)))
            let (time, jobs) = (try #require(result[.redisTime]), try #require(result[.jobs]))
            #expect(time > 0 && jobs == Double(rate) / 2, "\(result)")
            // No push waits for the answer to another, so the schedule holds.
            let pushed = try #require(result[.jobsPerSecond])
            #expect(pushed < Double(rate) * 1.1, "\(result)")
        }
        // A payload of 200 bytes takes at least those, and less than a page.
        for variant in ["stock", "shipped"] {
            let memory = try #require(own(.memory, variant)?[.memory])
            #expect((200..<4096).contains(memory))
        }
        #expect(own(.backlog, "10k")?[.change] != nil)
        #expect(own(.http, "jobs")?[.ratioToBound] != nil)
        #expect(own(.http, "batch")?[.jobs] == 500)
        #expect(own(.download, "big")?[.bytesPerSecond] != nil)
        #expect(own(.download, "small")?[.jobs] == 50)
        #expect(own(.start, "worker")?[.milliseconds] != nil)
    }
}
