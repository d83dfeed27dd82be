// The bounds of waiting: a ping-pong of two blocked clients, and one script call after another.

import FoundationEssentials
import MartletCommandSupport

extension BoundFigure {
    /// How long a push takes to reach a client that waits in `BLPOP`, between two bare connections.
    ///
    /// - Parameter isSpaced: with pauses of 25 to 75 ms, as long as those of the figure `latency`, in which processors
    ///   fall asleep; else each pop answers at once.
    func pingPong(isSpaced: Bool) async throws -> BenchResult {
        let variant = isSpaced ? "blpop-spaced" : "blpop"
        if let known = session.result(.bound, variant, Self.system, run) { return known }
        let rounds = session.options.isQuick ? 20 : isSpaced ? 100 : 5000
        return try await session.measure(.bound, variant, Self.system, run) {
            try await BenchEnvironment.with(.martlet, given: session.options.redisURL) { stage in
                let redis = stage.redis
                async let far = redis.use { try PingPong.play($0, from: "pong", to: "ping", rounds, isSpaced, true) }
                async let near = redis.use { try PingPong.play($0, from: "ping", to: "pong", rounds, isSpaced, false) }
                return Samples(try await far + near).milliseconds.merging([.jobs: Double(2 * rounds)]) { $1 }
            }
        }
    }

    /// Calls of the minimal script that enqueues, each after the answer to the one before.
    ///
    /// By `redis-benchmark` where it is in PATH, else by a loop over a bare connection.
    func roundTrips() async throws -> BenchResult {
        if let known = session.result(.bound, "evalsha-c1", Self.system, run) { return known }
        let count = session.options.count(20_000)
        return try await session.measure(.bound, "evalsha-c1", Self.system, run) {
            try await BenchEnvironment.with(.martlet, given: session.options.redisURL) { stage in
                let sha = try await stage.redis.use {
                    try $0.command(["SCRIPT", "LOAD", BoundScripts.enqueue]).text ?? ""
                }
                if let program = Programs.find("redis-benchmark"), stage.redis.address.isPlain {
                    let rate = try await RedisBenchmark(program, stage.redis.address).run(
                        ["EVALSHA", sha, "0", "__rand_int__", String(repeating: "x", count: 200)], count: count)
                    return [.jobs: Double(count), .jobsPerSecond: rate]
                }
                let seconds = try await stage.redis.use { redis in
                    let start = BenchClock.now
                    for id in 0..<count {
                        _ = try redis.command(["EVALSHA", sha, "0", String(id), String(repeating: "x", count: 200)])
                    }
                    return BenchClock.now - start
                }
                return [.jobs: Double(count), .jobsPerSecond: Double(count) / seconds]
            }
        }
    }
}

/// One side of a ping-pong over two lists.
enum PingPong {
    /// Plays `rounds` rounds; returns how long each value took to arrive.
    static func play(
        _ redis: RawRedis, from: String, to: String, _ rounds: Int, _ isSpaced: Bool, _ hasService: Bool
    ) throws -> [Double] {
        var times: [Double] = []
        for _ in 0..<rounds {
            if hasService { try hit(redis, to, isSpaced) }
            guard case .array(let pair) = try redis.command(["BLPOP", from, "30"]), let text = pair.last?.text,
                let sent = Double(text)
            else { throw CommandFailure(.failed, "no reply was received") }
            times.append(BenchClock.now - sent)
            if !hasService { try hit(redis, to, isSpaced) }
        }
        return times
    }

    private static func hit(_ redis: RawRedis, _ list: String, _ isSpaced: Bool) throws {
        if isSpaced { BenchClock.pause(.random(in: 0.025...0.075)) }
        _ = try redis.command(["RPUSH", list, "\(BenchClock.now)"])
    }
}

/// The program `redis-benchmark`.
struct RedisBenchmark {
    private let program: String
    private let address: RedisAddress

    init(_ program: String, _ address: RedisAddress) {
        self.program = program
        self.address = address
    }

    /// Runs a command `count` times, one after another on one connection; calls a second.
    func run(_ command: [String], count: Int) async throws -> Double {
        let directory = try BenchDirectory.make(onDisk: false)
        defer { BenchDirectory.remove(directory) }
        let path = directory + "/out"
        let process = try Subprocess(
            program,
            [
                "-h", address.host, "-p", String(address.port), "-c", "1", "-P", "1", "-n", String(count), "-r",
                "1000000000", "--csv",
            ] + command, environment: ["PATH": "/usr/bin:/bin"], output: path, errors: path)
        let status = await process.wait(within: .seconds(120))
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        guard status == 0, let rate = Self.rate(text) else {
            throw CommandFailure(.failed, "redis-benchmark ended with \(status ?? -1): \(text.suffix(200))")
        }
        return rate
    }

    /// The rate in the last line of its table, in which every cell stands in quotes.
    static func rate(_ text: String) -> Double? {
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("\"EVALSHA") }) else { return nil }
        let cells = line.split(separator: "\",\"")
        return cells.count > 1 ? Double(cells[1].filter { $0 != "\"" }) : nil
    }
}
