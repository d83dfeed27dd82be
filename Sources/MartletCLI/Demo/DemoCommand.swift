// `martlet demo`: a demonstration of downloads with faults.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletQueue
import MartletRedis
import UnixSignals

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Download 24 files while connections break and a worker dies.",
        discussion: """
            Starts a private Redis, a server, two worker processes and an origin server that drops connections and \
            sometimes answers 503; pushes 24 downloads in one call, pauses and resumes, kills a worker, and compares \
            the SHA-256 of every file. The exit code is 0 when all of them are there and right.
            """)

    @Flag(help: "Leave everything running until Ctrl-C.")
    var keep = false

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let result = try await withThrowingTaskGroup(of: DemoResult?.self) { group in
            group.addTask { try await play(until: signals) }
            group.addTask {
                for await _ in signals { return nil }
                return nil
            }
            defer { group.cancelAll() }
            // The first task to finish decides; leaving the group waits for the other's clean-up.
            return try await group.next() ?? nil
        }
        guard let result else { throw CommandFailure(.failed, "interrupted") }
        Console.standard.out(result.line)
        guard result.isGood else { throw ExitCode(CommandExitCode.failed.rawValue) }
    }

    /// Runs the demonstration and stops everything that it started.
    private func play(until signals: UnixSignalsSequence) async throws -> DemoResult {
        let stage = try await DemoEnvironment()
        let result: Result<DemoResult, any Error>
        do { result = .success(try await perform(on: stage, until: signals)) } catch { result = .failure(error) }
        // Not a child task, since this task may be cancelled.
        await Task { await stage.close() }.value
        return try result.get()
    }

    private func perform(on stage: DemoEnvironment, until signals: UnixSignalsSequence) async throws -> DemoResult {
        try await APIClient.with(stage.serverURL, token: nil) { client in
            try await stage.startServer(client)
            var run = DemoRun(stage: stage, client: client)
            var result = try await run.run()
            if try await !isClean(stage) {
                Console.standard.note("the audit of Redis found something; see above")
                result.lost += 1
            }
            guard keep else { return result }
            Console.standard.note(
                """
                \(result.line)
                Still running: dashboard \(stage.serverURL)/ui/, API \(stage.serverURL)/api/v1, files in \
                \(stage.downloads). Ctrl-C ends it.
                """)
            try? await Task.sleep(for: .seconds(1 << 30))
            return result
        }
    }

    /// Whether the audit finds nothing.
    private func isClean(_ stage: DemoEnvironment) async throws -> Bool {
        let redis = RedisSettings(url: stage.redis.url, prefix: "martlet")
        return try await StoreSession.withStore(redis) { store in
            let report = try await store.queue(.downloads).audit()
            for finding in report.findings { Console.standard.note("\(finding)") }
            return report.isClean
        }
    }
}
