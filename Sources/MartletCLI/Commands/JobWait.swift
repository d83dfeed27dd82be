// `--wait`: prints the ids at once, then the progress and the results.

import MartletCommandSupport
import MartletJSON

/// The output of a waiting command.
///
/// The ids are printed to standard output before the wait, so that they are known however it ends. With `-o json`,
/// where standard output is one value, they are printed to standard error.
struct WaitReport {
    private let format: OutputFormat
    private let console: Console

    init(_ format: OutputFormat, console: Console = .standard) {
        self.format = format
        self.console = console
    }

    /// Prints the ids.
    func begin(_ ids: [String]) {
        switch format {
        case .table: for id in ids { console.out(id) }
        case .jsonl: for id in ids { console.out(JSONValue.fields(["id": .string(id)]).line) }
        case .json: console.note("Waiting for \(ids.joined(separator: " "))")
        }
    }

    /// Shows the progress, on a terminal only.
    func progress(_ text: String) { console.status(text) }

    /// Clears the progress line.
    func clear() { console.status("") }

    /// Prints a note above the progress line.
    func note(_ text: String) {
        clear()
        console.note(text)
    }
}

/// Explains why a job may wait for long, if a reason is known.
struct WaitHint {
    private var isGiven = false

    /// Checks once, when the job has not started a while after the wait began.
    ///
    /// - Parameters:
    ///   - queue: the queue.
    ///   - type: the job's type; `nil` for downloads.
    ///   - error: the error of its last attempt.
    mutating func text(_ client: APIClient, queue: String, type: String?, error: String?) async -> String? {
        guard !isGiven else { return nil }
        if let type, error?.hasPrefix("waits for a worker that knows") == true {
            isGiven = true
            return "No worker that serves the queue \(queue) knows jobs of type \(type). It waits for one that does."
        }
        // The token may not allow reading the workers; then there is no hint.
        guard let answer = try? await client.get("/api/v1/workers") else { return nil }
        let serving = (answer["workers"].array ?? []).filter { worker in
            WorkerView.isServing(worker) && (worker["queues"].array ?? []).contains { $0["queue"].string == queue }
        }
        guard serving.isEmpty else { return nil }
        isGiven = true
        let isDownload = type == nil || type == "download"
        let start =
            isDownload ? "martlet work --worker-queues \(queue)=10" : "a worker of yours that has a handler for it"
        return "No worker serves the queue \(queue). Start one: \(start)."
    }
}

/// Waits until a job has finished.
struct JobWait {
    var id: String
    var queue: String?
    var within: Duration

    /// Shows the job when it has finished; throws when it failed or the limit is reached.
    func run(_ client: APIClient, _ output: OutputOptions, console: Console = .standard) async throws {
        let report = WaitReport(output.format, console: console)
        let begin = ContinuousClock.now
        var hint = WaitHint()
        var job = try await look(client, seconds: min(2, left(since: begin)))
        while !Self.isFinal(job) {
            report.progress(Self.line(job))
            // Before the limit is looked at, so that a wait of any length ends with the reason where one is known.
            if Self.isWaiting(job), let type = job["type"].string, let queue = job["queue"].string {
                let text = await hint.text(client, queue: queue, type: type, error: job["error"].string)
                if let text { report.note(text) }
            }
            let left = left(since: begin)
            guard left > 0 else { throw timeout(job, report, output) }
            // Only a terminal shows progress, so others need no intermediate requests.
            job = try await look(client, seconds: min(console.noteWidth == nil ? 20 : 1, left))
        }
        report.clear()
        output.show(job, first: JobCommand.order, console: console)
        try Self.check(job)
    }

    /// The job when it has finished or the limit is reached.
    private func look(_ client: APIClient, seconds: Double) async throws -> JSONValue {
        let whole = HumanReadable.whole(seconds)
        if whole == 0 { try await Task.sleep(for: .seconds(min(max(seconds, 0), 0.1))) }
        return try await client.get(
            "/api/v1/jobs/\(APIClient.escaped(id))", query: [("queue", queue), ("wait", String(whole))])
    }

    /// The seconds that are left.
    private func left(since begin: ContinuousClock.Instant) -> Double {
        (within - (ContinuousClock.now - begin)) / .seconds(1)
    }

    private func timeout(_ job: JSONValue, _ report: WaitReport, _ output: OutputOptions) -> CommandFailure {
        report.clear()
        if output.format != .table { output.show(job) }
        let state = JobCommand.state(job) ?? "unknown"
        return CommandFailure(
            .timedOut, "job \(id) has not finished in time; it is \(state). Wait on with: martlet job get \(id) --wait")
    }

    /// `active, attempt 2, 45.2%`.
    private static func line(_ job: JSONValue) -> String {
        let attempt = job["attempt"].int ?? 0
        let parts = [
            JobCommand.state(job), attempt > 1 ? "attempt \(attempt)" : nil,
            job["progress"]["percent"].double.map(HumanReadable.percent),
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    private static func isWaiting(_ job: JSONValue) -> Bool { ["queued", "retrying"].contains(JobCommand.state(job)) }

    private static func isFinal(_ job: JSONValue) -> Bool {
        ["completed", "failed", "cancelled"].contains(JobCommand.state(job))
    }

    /// Throws unless the job has completed.
    static func check(_ job: JSONValue) throws {
        let state = JobCommand.state(job) ?? "gone"
        guard state != "completed" else { return }
        let reason = job["error"].string.map { ": \(TerminalText.oneLine($0))" } ?? ""
        throw CommandFailure(.jobFailed, "the job is \(state)\(reason)")
    }
}
