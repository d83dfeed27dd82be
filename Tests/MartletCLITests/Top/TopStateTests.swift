// The state of `martlet top` without a terminal or a server: keys and answers go in, actions and lines come out.

import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

/// A state with some answers of a server.
private struct Fixture {
    var state: TopState
    var now = 0.0

    init(view: TopView = .queues, columns: Int = 100, rows: Int = 30) {
        state = TopState(
            server: "http://127.0.0.1:8080", view: view, queue: nil, size: .init(columns: columns, rows: rows))
        round()
    }

    /// Answers the next round of requests.
    mutating func round(
        after seconds: Double = 0, failing failure: CommandFailure? = nil,
        _ edit: (TopRequest) -> JSONValue? = { _ in nil }
    ) {
        now += seconds
        answer(state.take(.tick, at: now), failing: failure, edit)
    }

    private mutating func answer(
        _ actions: [TopAction], failing failure: CommandFailure? = nil,
        _ edit: (TopRequest) -> JSONValue? = { _ in nil }
    ) {
        for case .load(let requests) in actions {
            let answers = requests.map { request in
                TopAnswer(
                    request: request,
                    result: failure.map { .failure($0) } ?? .success(edit(request) ?? Self.answer(request)))
            }
            _ = state.take(.loaded(answers), at: now)
        }
    }

    /// Presses keys, answers what they load, and returns the other actions.
    @discardableResult
    mutating func press(_ keys: String) -> [TopAction] {
        var others: [TopAction] = []
        for character in keys {
            let key: Key = character == "\r" ? .enter : character == "\u{1B}" ? .escape : .character(character)
            let actions = state.take(.key(key), at: now)
            answer(actions)
            others += actions.filter { if case .load = $0 { false } else { true } }
        }
        return others
    }

    /// What keys make the program do to the server.
    mutating func deeds(_ keys: String) -> [TopOperation] {
        press(keys).compactMap { if case .act(let operation) = $0 { operation } else { nil } }
    }

    var text: String { state.screen.map(\.text).joined(separator: "\n") }

    static func answer(_ request: TopRequest) -> JSONValue {
        switch request.part {
        case .queues: .object(["queues": .array([queue("mail"), queue("video", paused: true)])])
        case .workers: .object(["workers": .array([])])
        case .system: .object(["redis": .object(["latency_seconds": .number(0.0004), "used_memory_bytes": 2_097_152])])
        case .list where request.path.contains("downloads"):
            .object(["downloads": .array((0..<3).map { download("d\($0)", priority: $0) })])
        case .list: .object(["jobs": .array((0..<5).map { job("j\($0)") })])
        case .detail: job("j0")
        }
    }

    static func queue(_ name: String, paused: Bool = false, completed: Int = 0) -> JSONValue {
        .object([
            "name": .string(name), "paused": .bool(paused),
            "pause": paused ? .object(["reason": "upgrade", "by": "ada"]) : .null,
            "jobs": .object(["active": 1, "queued": 7, "delayed": 2, "failed": 3]),
            "totals": .object(["completed": .integer(completed), "failed": 3]), "oldest_wait_seconds": .number(12.5),
        ])
    }

    static func job(_ id: String, queue: String = "mail") -> JSONValue {
        .object([
            "id": .string(id), "queue": .string(queue), "type": "send", "state": "failed", "error": "no route",
            "priority": 0,
        ])
    }

    static func download(_ id: String, priority: Int) -> JSONValue {
        .object([
            "id": .string(id), "status": "queued", "priority": .integer(priority), "filename": .string(id + ".bin"),
        ])
    }
}

@Suite struct TopStateTests {
    @Test func `the header has the sums of all queues, and the table its rows`() {
        let fixture = Fixture()
        for part in [
            "2 queues", "1 paused", "2 active", "14 queued", "6 failed", "oldest wait 13s", "Redis 0.4 ms, 2.0 MiB",
        ] {
            #expect(fixture.text.contains(part), "\(part) in\n\(fixture.text)")
        }
        #expect(fixture.text.contains("> mail") && fixture.text.contains("upgrade (ada)"))
    }

    @Test(arguments: TopView.allCases) func `no hint is cut at 80 columns`(_ view: TopView) throws {
        let fixture = Fixture(view: view, columns: 80, rows: 24)
        let line = try #require(fixture.state.screen.last)
        let known = TopVerb.of(view).map { "\($0.key) \($0.hint)" } + ["q quit", "? help", "/ filter", "Enter open"]
        #expect(line.text.columns <= 80)
        #expect(line.spans.map(\.text).filter { $0 != "  " }.allSatisfy(known.contains), "\(line.text)")
    }

    @Test func `a round asks only for what is shown, and for workers and Redis each five seconds`() {
        var fixture = Fixture()
        var paths: [[String]] = []
        for _ in 0..<6 {
            fixture.round(after: 1) { request in
                if paths.isEmpty || paths[paths.count - 1].contains("end") { paths.append([]) }
                paths[paths.count - 1].append(request.path)
                return nil
            }
            if !paths.isEmpty { paths[paths.count - 1].append("end") }
        }
        let queues = ["/api/v1/queues", "end"]
        #expect(paths.prefix(4) == [queues, queues, queues, queues])
        #expect(paths[4] == ["/api/v1/queues", "/api/v1/workers", "/api/v1/system", "end"])
        fixture.press("3")
        #expect(fixture.state.requests.map(\.path).contains("/api/v1/jobs?state=failed%2Cretrying&limit=100"))
    }

    @Test func `rounds never overlap`() {
        var state = TopState(server: "s", view: .queues, queue: nil)
        #expect(state.take(.tick, at: 0).count == 1)
        for second in 1..<20 { #expect(state.take(.tick, at: Double(second)).isEmpty, "the first has no answer yet") }
    }

    @Test func `upper-case keys ask before they act, and lower-case keys never act`() {
        var fixture = Fixture(view: .errors)
        #expect(fixture.deeds("jkghlsip? /x\r\u{1B}").isEmpty)
        var other = Fixture(view: .errors)
        #expect(other.deeds("R").isEmpty)
        #expect(other.text.contains("Retry job j0?"))
        #expect(other.deeds("n").isEmpty && other.text.contains("Nothing was done."))
        #expect(other.deeds("Ry").first?.calls.first?.path == "/api/v1/jobs/actions?queue=mail")
    }

    @Test func `a reason is sent with a pause, and an empty one is not`() throws {
        var fixture = Fixture()
        let operation = try #require(fixture.deeds("Pwork\r").first)
        #expect(operation.calls.map(\.path) == ["/api/v1/queues/mail/pause"])
        #expect(operation.calls[0].body == .object(["reason": "work"]))
        #expect(fixture.deeds("P\r").first?.calls[0].body == nil)
        #expect(fixture.deeds("Pno\u{1B}").isEmpty)
    }

    @Test func `marked rows are acted on together, one request for each queue`() throws {
        var fixture = Fixture(view: .jobs)
        fixture.round(after: 1) { request in
            guard request.part == .list else { return nil }
            return .object(["jobs": .array([Fixture.job("a"), Fixture.job("b", queue: "x"), Fixture.job("c")])])
        }
        let operation = try #require(fixture.deeds("AXy").first)
        #expect(operation.subject == "3 jobs")
        #expect(operation.calls.map(\.path) == ["/api/v1/jobs/actions?queue=mail", "/api/v1/jobs/actions?queue=x"])
        #expect(
            operation.calls[0].body?["ids"] == .array(["a", "c"]) && operation.calls[0].body?["action"] == "cancel")
        #expect(fixture.state.marked.isEmpty)
    }

    @Test func `priorities of downloads move by one, or to what is typed`() throws {
        var fixture = Fixture(view: .downloads)
        let raised = try #require(fixture.deeds("jK").first)
        #expect(raised.calls[0].path == "/api/downloads/batch-action")
        #expect(raised.calls[0].body?["priority"].int == 2 && raised.calls[0].body?["download_ids"] == .array(["d1"]))
        #expect(fixture.deeds("I5000\r").isEmpty)
        #expect(fixture.text.contains("A priority is a whole number from -1000 to 1000."))
        fixture.press("\u{1B}")
        #expect(fixture.deeds("I-7\r").first?.calls[0].body?["priority"].int == -7)
    }

    @Test func `the cursor stays on its row while rows come and go`() {
        var fixture = Fixture(view: .jobs)
        fixture.press("jj")
        #expect(fixture.state.current?.item["id"] == "j2")
        fixture.round(after: 1) { request in
            request.part == .list ? .object(["jobs": .array(["new", "j1", "j2"].map { Fixture.job($0) })]) : nil
        }
        #expect(fixture.state.current?.item["id"] == "j2")
        fixture.round(after: 1) { request in
            request.part == .list ? .object(["jobs": .array(["new", "j1"].map { Fixture.job($0) })]) : nil
        }
        #expect(fixture.state.current?.item["id"] == "j1", "the nearest one when it is gone")
    }

    @Test func `lost numbers have their age, and the rounds become rarer`() {
        var fixture = Fixture()
        let failure = CommandFailure(.unavailable, "no server at http://127.0.0.1:8080")
        var rounds = 0
        for _ in 0..<30 {
            let before = fixture.state.loss?.failures ?? 0
            fixture.round(after: 1, failing: failure)
            rounds += (fixture.state.loss?.failures ?? 0) > before ? 1 : 0
        }
        #expect((4...7).contains(rounds), "\(rounds)")
        #expect(fixture.text.contains("LOST for 29s") && fixture.text.contains("no server at"))
        #expect(fixture.text.contains("14 queued (30s ago)") && fixture.text.contains("2.0 MiB (30s ago)"))
        #expect(fixture.text.contains("> mail"), "the last rows stay")
        fixture.round(after: 10)
        #expect(fixture.state.loss == nil && !fixture.text.contains("ago)"))
    }

    @Test func `a refusal is shown where its numbers would be`() {
        var fixture = Fixture(view: .jobs)
        fixture.round(after: 1, failing: CommandFailure(.authentication, "the token has no access to this queue"))
        #expect(fixture.text.contains("the token has no access to this queue"))
        #expect(fixture.state.loss == nil)
    }

    @Test func `frozen numbers do not change, and continue on the same key`() {
        var fixture = Fixture()
        fixture.press("p")
        #expect(fixture.text.contains("frozen"))
        #expect(fixture.state.take(.tick, at: 60).isEmpty && fixture.text.contains("14 queued (1m 0s ago)"))
        #expect(fixture.state.take(.key(.character("p")), at: 60).count == 1)
    }

    @Test func `quitting waits for the answer to an action`() {
        var fixture = Fixture()
        #expect(fixture.press("q") == [.quit])
        fixture.press("P\r")
        #expect(!fixture.press("q").contains(.quit))
        #expect(fixture.state.take(.acted(TopMessage(text: "done")), at: fixture.now) == [.quit])
    }

    @Test func `a filter leaves the rows that contain a text, and Escape takes it away`() {
        var fixture = Fixture()
        fixture.press("/VID\r")
        #expect(fixture.text.contains("> video") && !fixture.text.contains("mail"))
        fixture.press("\u{1B}")
        #expect(fixture.text.contains("mail"))
    }

    @Test(arguments: TopView.allCases, [(1, 1), (10, 3), (20, 5), (40, 10), (80, 24), (80, 6), (200, 60), (500, 2)])
    func `no screen is wider or higher than its terminal`(_ view: TopView, _ size: (columns: Int, rows: Int)) {
        var fixture = Fixture(view: view, columns: size.columns, rows: size.rows)
        for keys in ["", "?", "\u{1B}", "i", "\u{1B}", "/abc", "\r", "X", "n", "P", "\u{1B}"] {
            fixture.press(keys)
            let screen = fixture.state.screen
            #expect(screen.count <= size.rows)
            for line in screen {
                let shown = line.rendered(width: size.columns, colors: false).replacing(/\u{1B}\[[0-9]*m/, with: "")
                #expect(shown.columns <= size.columns, "\(shown)")
            }
        }
    }

    @Test func `the table keeps the cursor in sight at 80 by 24 and less`() {
        for rows in [4, 6, 10, 24] {
            var fixture = Fixture(view: .jobs, columns: 80, rows: rows)
            fixture.round(after: 1) { request in
                request.part == .list ? .object(["jobs": .array((0..<100).map { Fixture.job("job-\($0)") })]) : nil
            }
            for step in ["G", "g", "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj"] {
                fixture.press(step)
                let id = fixture.state.current?.item["id"].string ?? ""
                #expect(fixture.text.contains("> \(id) "), "\(rows) rows, \(id):\n\(fixture.text)")
            }
        }
    }

    @Test func `hostile text cannot control the terminal or turn a line around`() {
        let hostile = "\u{1B}[2J\u{9B}31m\u{202E}\r\n\u{7}evil"
        var fixture = Fixture(view: .jobs)
        let job = JSONValue.object([
            "id": .string(hostile), "queue": .string(hostile), "type": .string(hostile), "state": .string(hostile),
            "error": .string(hostile), "payload": .object(["a": .string(hostile)]),
        ])
        fixture.round(after: 1) { request in
            switch request.part {
            case .list: .object(["jobs": .array([job])])
            case .queues:
                .object([
                    "queues": .array([
                        .object(["name": .string(hostile), "pause": .object(["reason": .string(hostile)])])
                    ])
                ])
            default: .object(["redis": .string(hostile), "workers": .string(hostile)])
            }
        }
        for keys in ["", "X", "n", "/" + "\u{202E}", "\u{1B}", "i", "\u{1B}", "1", "P\u{202E}", "\u{1B}", "4"] {
            fixture.press(keys)
            fixture.round(after: 1) { request in request.part == .detail ? job : nil }
            _ = fixture.state.take(.acted(TopMessage(text: hostile, isBad: true)), at: fixture.now)
            for line in fixture.state.screen {
                let shown = line.rendered(width: 100, colors: true).replacing(/\u{1B}\[[0-9]*m/, with: "")
                #expect(shown.unicodeScalars.allSatisfy { !TerminalText.isUnsafe($0) }, "\(shown.debugDescription)")
            }
        }
    }

    @Test func `rates come from counters, and a deleted queue does not count backwards`() {
        var rates = TopRates()
        #expect(rates.rate(.completed) == nil)
        rates.note([Fixture.queue("a", completed: 100), Fixture.queue("gone", completed: 500)], at: 0)
        rates.note([Fixture.queue("a", completed: 150), Fixture.queue("new", completed: 9)], at: 10)
        #expect(rates.rate(.completed) == 5 && rates.rate(.completed, of: "a") == 5 && rates.rate(.failed) == 0)
        #expect(rates.bars(.completed, of: "a", count: 15).last == "█" && rates.bars(.failed, count: 15).isEmpty)
    }
}
