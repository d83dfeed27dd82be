// `martlet-bench run`: measures the limits of this machine and Redis, and how close Martlet comes to them.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletJSON

struct BenchRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Measure throughput, latency, memory and cost, and compare them with the limits of Redis.",
        discussion: """
            Everything runs in processes of its own: a private Redis for each measurement (or the empty one that \
            --redis names: all of its keys are deleted), pushers and workers. Jobs have payloads of 200 bytes and \
            handlers that only note the time; every job must be run exactly once, else there is no figure. A run of \
            all figures takes about four minutes.

              bound       what one core of Redis can do, and how long round trips take
              push        500 a call (two calls under way), one by one, and by 256 tasks
              drain       jobs that wait, 100 or 10 at once, then deleted or kept
              latency     from push to start while nothing else happens
              half        the same at half of the drain's rate, and at 25 000/s
              rates       CPU of Redis for a job at 200, 1000, 2000 and 5000 jobs/s, pushed one by one by 64 tasks
              scheduled   10 000 jobs due at the same instant: how late they start
              memory      bytes of Redis for a waiting job, stock and our settings
              priorities  ten instead of one
              backlog     1 000 000 waiting jobs instead of 1 000 (--large: 10 000 000)
              workers     two processes instead of one
              aof         push and drain with an append-only file
              http        POST of jobs on 64 connections; 10 000 downloads in one
              download    1 GiB beside curl; 2 000 files beside aria2c, 10 at once
              start       from the start of a worker process to its first job

            Ratios are those to the bound (or to the other program) in the same run; for latencies they are those of \
            the 99th percentiles to that of a BLPOP ping-pong.

            A peer is a command that follows the contract of "martlet-bench target": COMMAND push JSON and \
            COMMAND work JSON.
            """)

    @Argument(
        help: ArgumentHelp("What to measure; all but aof without it.", valueName: "figure"))
    var figures: [BenchFigure] = []
    @Option(help: "URL of an empty Redis; a private one for each measurement without it.")
    var redis: String?
    @Option(help: "How often each figure is measured.")
    var runs = 3
    @Option(help: "How many jobs each figure takes.")
    var jobs: Int?
    @Flag(help: "Measure with an append-only file too.")
    var aof = false
    @Flag(help: "Few jobs and one run: checks that everything works, without meaningful figures.")
    var quick = false
    @Flag(help: "Also figures that take minutes and gigabytes: ten million waiting jobs.")
    var large = false
    @Option(help: ArgumentHelp("Another queue to measure beside this one.", valueName: "name=command"))
    var peer: [String] = []
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100).contains(runs) else { throw ValidationError("--runs must be 1 to 100.") }
        guard jobs ?? 1 > 0 else { throw ValidationError("--jobs must be at least 1.") }
        for text in peer where BenchSystem(text) == nil {
            throw ValidationError("--peer \(text) is not NAME=COMMAND, with a name other than martlet and bound.")
        }
    }

    func run() async throws {
        if let redis { try await BenchRedis.checkEmpty(redis) }
        let format = output.format
        let session = BenchSession(options) { result in
            if format == .jsonl { Console.standard.out(result.line) }
            Console.standard.note(BenchTable.progress(result))
        }
        try await ProgramRun.interruptible { try await Self.measure(session) }
        try show(session.results)
    }

    private var options: BenchOptions {
        var chosen = figures.isEmpty ? BenchFigure.allCases.filter { $0 != .aof } : figures
        if aof, !chosen.contains(.aof) { chosen.append(.aof) }
        return BenchOptions(
            figures: chosen, runs: quick ? 1 : runs, jobs: jobs, isQuick: quick, isLarge: large, redisURL: redis,
            systems: [.martlet] + peer.compactMap { BenchSystem($0) })
    }

    private static func measure(_ session: BenchSession) async throws {
        for run in 1...session.options.runs {
            for figure in session.options.figures {
                do { try await figure.measure(session, run: run) } catch {
                    try Task.checkCancellation()
                    let reason = CommandFailure(error).message
                    session.add(BenchResult(figure, "all", system: BenchSystem.own, run: run, error: reason))
                }
            }
        }
    }

    private func show(_ results: [BenchResult]) throws {
        let summaries = BenchSummary.of(results)
        switch output.format {
        case .jsonl: break
        case .json:
            let text = String(decoding: try JSONEncoder().encode(summaries), as: UTF8.self)
            output.show(try JSONValue.parse(text.utf8, source: "the result"))
        case .table: for line in BenchTable.lines(summaries, width: nil) { Console.standard.out(line) }
        }
        let bad = results.count { $0.error.map { !$0.hasPrefix(BenchUnsupported.prefix) } ?? false }
        guard bad == 0 else { throw CommandFailure(.partial, "\(bad) of \(results.count) measurements failed") }
    }
}
