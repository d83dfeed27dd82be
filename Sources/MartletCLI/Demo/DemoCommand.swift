// `martlet demo`: a demonstration of downloads with faults.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletQueue
import MartletRedis

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Download 24 files while connections break and a worker dies.",
        discussion: """
            Starts a private Redis, a server, two worker processes and an origin server that drops connections and \
            sometimes answers 503; pushes 24 downloads in one call, pauses and resumes, kills a worker, and compares \
            the SHA-256 of every file. The exit code is 0 when all files are complete and correct.
            """)

    @Flag(help: "Leave everything running until Ctrl-C.")
    var keep = false

    func run() async throws {
        let result = try await ProgramRun.interruptible { try await runInNewEnvironment() }
        Console.standard.out(result.line)
        guard result.isGood else { throw ExitCode(CommandExitCode.failed.rawValue) }
    }

    /// Runs the demonstration and stops everything that it started.
    private func runInNewEnvironment() async throws -> DemoResult {
        let environment = try await DemoEnvironment()
        let result: Result<DemoResult, any Error>
        do { result = .success(try await run(in: environment)) } catch { result = .failure(error) }
        // Not a child task, since this task may be cancelled.
        await Task { await environment.close() }.value
        return try result.get()
    }

    private func run(in environment: DemoEnvironment) async throws -> DemoResult {
        try await APIClient.with(environment.serverURL, token: nil) { client in
            try await environment.startServer(client)
            var run = DemoRun(environment: environment, client: client)
            var result = try await run.run()
            if try await !isClean(environment) {
                Console.standard.note("the audit of Redis found something; see above")
                result.lost += 1
            }
            guard keep else { return result }
            Console.standard.note(
                """
                \(result.line)
                Still running: dashboard \(environment.serverURL)/ui/, API \(environment.serverURL)/api/v1, files in \
                \(environment.downloads). Ctrl-C ends it.
                """)
            try? await Task.sleep(for: .seconds(1 << 30))
            return result
        }
    }

    /// Whether the audit finds nothing.
    private func isClean(_ environment: DemoEnvironment) async throws -> Bool {
        let redis = RedisSettings(url: environment.redis.url, prefix: "martlet")
        return try await StoreSession.withStore(redis) { store in
            let report = try await store.queue(.downloads).audit()
            for finding in report.findings { Console.standard.note("\(finding)") }
            return report.isClean
        }
    }
}
