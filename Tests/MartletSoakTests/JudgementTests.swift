// Whether the judgement of a soak sees what it must see: each rule is broken by hand, and no other one may complain.

import ArgumentParser
import FoundationEssentials
import MartletJobs
import Testing

@testable import MartletQueue
@testable import MartletSoak

/// A run of three jobs in which all went well: the first ran twice, because its first attempt threw.
private struct RunFixture {
    var evidence: Evidence
    let ids: [JobID] = (0..<3).map { _ in .generate() }

    init() throws {
        var pushes = Pushes()
        pushes.attempted = [0, 1, 2]
        evidence = Evidence(pushes: pushes, orders: [], faults: [], isDrained: true)
        let queue = Installation.queues[0]
        var lines = [
            ["start", "\(ids[0])", "1:a", "7", "100", "0"], ["end", "\(ids[0])", "1:a", "7", "120", "threw"],
        ]
        for (n, id) in ids.enumerated() {
            let payload = try JSONEncoder().encode(SoakJob(n: n, ms: 1, behaviour: .fine))
            var job = try #require(
                JobRecord(queued: NewJob(id: id, type: SoakJob.name, payload: Array(payload)), in: queue))
            (job.state, job.claims, job.failures) = (.completed, n == 0 ? 2 : 1, n == 0 ? 1 : 0)
            evidence.jobs["\(id)"] = job
            evidence.pushes.acked["\(id)"] = (n, queue, 5000)
            let token = "\(job.claims):b\(n)"
            lines.append(["start", "\(id)", token, "8", "\(1000 + n)", "\(n)"])
            lines.append(["end", "\(id)", token, "8", "\(1010 + n)", "returned"])
        }
        evidence.completedEver = 3
        evidence.add(lines, of: "worker-1")
    }

    subscript(_ number: Int) -> JobRecord? {
        get { evidence.jobs["\(ids[number])"] }
        set { evidence.jobs["\(ids[number])"] = newValue }
    }

    /// A further run of a job's handler.
    mutating func run(_ number: Int, token: String, at start: Int, how: String?, on worker: String = "worker-2") {
        var lines = [["start", "\(ids[number])", token, "9", "\(start)", "\(number)"]]
        if let how { lines.append(["end", "\(ids[number])", token, "9", "\(start + 10)", how]) }
        evidence.add(lines, of: worker)
    }

    mutating func order(_ verb: String, _ number: Int, _ time: Int, _ status: Int?, state: String? = nil) {
        evidence.orders.append(
            Order(
                verb: verb, id: "\(ids[number])", from: time, to: time + 5, status: status,
                job: JobAnswer(state: state)))
    }

    var broken: [String] { Judgement(evidence).findings.filter { !$0.breaches.isEmpty }.map(\.rule) }
    var duplicates: Int { Judgement(evidence).duplicates }
}

@Suite struct JudgementTests {
    @Test func `a good run keeps every rule`() throws {
        let fixture = try RunFixture()
        #expect(fixture.broken == [])
        #expect(fixture.duplicates == 0)
        #expect(Judgement(fixture.evidence).passed == 12)
    }

    @Test func `a lost job is found`() throws {
        var fixture = try RunFixture()
        fixture[1] = nil
        fixture.evidence.completedEver = 2
        #expect(fixture.broken == ["every acknowledged job is there"])
    }

    @Test(arguments: [(5001, 5100, true), (7499, 7600, true), (7501, 7600, false), (4000, 4999, false)])
    func `a job acknowledged within two seconds before Redis was killed does not count as lost`(
        from: Int, to: Int, isHeldBack: Bool
    ) throws {
        var fixture = try RunFixture()
        fixture[1] = nil
        fixture.evidence.completedEver = 2
        fixture.evidence.faults = [FaultNote(kind: "kill-redis", subject: "redis", from: from, to: to)]
        #expect(fixture.broken == (isHeldBack ? [] : ["every acknowledged job is there"]))
        #expect(Judgement(fixture.evidence).heldBack.count == (isHeldBack ? 1 : 0))
        fixture.evidence.faults[0].kind = "restart-redis"
        #expect(fixture.broken == ["every acknowledged job is there"])
    }

    @Test func `a job that never finished is found, and so is a run without an end`() throws {
        var fixture = try RunFixture()
        fixture[1]?.state = .queued
        fixture.evidence.completedEver = 2
        #expect(fixture.broken == ["every acknowledged job has ended"])
        fixture = try RunFixture()
        fixture.evidence.isDrained = false
        #expect(fixture.broken == ["every acknowledged job has ended"])
    }

    @Test func `jobs that nobody pushed, or that one push made twice, are found`() throws {
        let rule = ["every job was pushed by somebody, once"]
        var fixture = try RunFixture()
        fixture.evidence.pushes.attempted = [0, 2]
        #expect(fixture.broken == rule)
        fixture = try RunFixture()
        let payload = try #require(fixture[0]).payload
        fixture[1]?.payload = payload
        #expect(fixture.broken == rule)
        fixture = try RunFixture()
        fixture[1]?.payload = Array("?".utf8)
        #expect(fixture.broken == rule)
    }

    @Test func `pushes without an answer and wrong answers are found`() throws {
        var fixture = try RunFixture()
        fixture.evidence.pushes.unanswered = ["k"]
        fixture.evidence.pushes.wrong = ["k: 500"]
        #expect(fixture.broken == ["every push was answered in the end", "no server gave a wrong answer"])
    }

    @Test func `a surplus completion, or one by a claim whose handler did not return, is found`() throws {
        let rule = ["every completion was accepted once"]
        var fixture = try RunFixture()
        fixture.evidence.completedEver = 4
        #expect(fixture.broken == rule)
        fixture = try RunFixture()
        fixture[2]?.claims = 2
        #expect(fixture.broken == rule)
        fixture = try RunFixture()
        fixture.evidence.attempts["\(fixture.ids[2])"]?[0].how = nil
        #expect(fixture.broken == rule)
    }

    @Test func `a token that starts two handlers is found`() throws {
        var fixture = try RunFixture()
        fixture.evidence.faults = [FaultNote(kind: "kill-redis", subject: "redis", from: 0, to: 9000)]
        fixture.run(1, token: "1:b1", at: 2000, how: "returned")
        #expect(fixture.broken == ["every token started one handler"])
    }

    @Test func `a repetition needs a fault of the worker that had the job, in its time`() throws {
        let rule = ["every repetition has its reason"]
        func repeated(_ faults: FaultNote...) throws -> RunFixture {
            var fixture = try RunFixture()
            fixture.run(1, token: "2:c", at: 9000, how: "returned")
            fixture[1]?.claims = 2
            fixture.evidence.faults = faults
            return fixture
        }
        #expect(try repeated().broken == rule)
        #expect(try repeated(FaultNote(kind: "drop", subject: "worker-2", from: 2000, to: 2001)).broken == rule)
        #expect(try repeated(FaultNote(kind: "drop", subject: "worker-1", from: 9100, to: 9200)).broken == rule)
        for subject in ["worker-1", "redis"] {
            let fixture = try repeated(FaultNote(kind: "drop", subject: subject, from: 2000, to: 2001))
            #expect(fixture.broken == [])
            #expect(fixture.duplicates == 1)
        }
    }

    @Test func `a worker that stood still by itself has a reason for a repetition`() throws {
        func repeated(after worker: String) throws -> [String] {
            var fixture = try RunFixture()
            fixture.run(1, token: "2:c", at: 9000, how: "returned")
            fixture[1]?.claims = 2
            fixture.evidence.add([["stall", "-", "-", "8", "2000", "4000"]], of: worker)
            return fixture.broken
        }
        #expect(try repeated(after: "worker-1") == [])
        #expect(try repeated(after: "worker-2") == ["every repetition has its reason"])
    }

    @Test func `a worker over HTTP has its claims through servers, so their faults are its own`() throws {
        func repeated(on worker: String) throws -> [String] {
            var fixture = try RunFixture()
            fixture.run(1, token: "2:c", at: 5000, how: "stopped:leaseLost", on: worker)
            fixture.run(1, token: "3:d", at: 9000, how: "returned", on: "worker-2")
            fixture[1]?.claims = 3
            fixture.evidence.faults = [
                FaultNote(kind: "drop", subject: "worker-1", from: 2000, to: 2001),
                FaultNote(kind: "kill-server", subject: "server-1", from: 6000, to: 7000),
            ]
            return fixture.broken
        }
        #expect(try repeated(on: "http-worker-1") == [])
        #expect(try repeated(on: "worker-3") == ["every repetition has its reason"])
    }

    @Test func `a claim that starts after a newer one needs a fault of its own worker`() throws {
        func overtaken(_ subject: String) throws -> RunFixture {
            var fixture = try RunFixture()
            fixture.run(0, token: "1:z", at: 9000, how: "stopped:leaseLost", on: "worker-3")
            fixture.evidence.faults = [FaultNote(kind: "stop-worker", subject: subject, from: 900, to: 8990)]
            return fixture
        }
        #expect(try overtaken("worker-3").broken == [])
        #expect(try overtaken("worker-1").broken == ["every repetition has its reason"])
    }

    @Test(arguments: ["threw", "snoozed", "stopped:pause", "stopped:shutdown", "stopped:leaseLost", "returned"])
    func `only released jobs may run again without a fault`(_ how: String) throws {
        var fixture = try RunFixture()
        fixture.evidence.attempts["\(fixture.ids[1])"]?[0].how = how
        fixture.run(1, token: "2:c", at: 9000, how: "returned")
        fixture[1]?.claims = 2
        let isNatural = how != "returned" && how != "stopped:leaseLost"
        #expect(fixture.broken == (isNatural ? [] : ["every repetition has its reason"]))
        fixture.order("retry", 1, 5000, nil)
        #expect(fixture.broken == [], "an operator may have asked for it")
    }

    @Test func `a start after an answered cancel is found, unless the job was retried`() throws {
        var fixture = try RunFixture()
        fixture.order("cancel", 1, 500, 202, state: "active")
        #expect(fixture.broken == [], "it was only asked to stop")
        fixture.order("cancel", 1, 500, 200, state: "cancelled")
        #expect(fixture.broken == ["nothing started after its cancel was answered"])
        fixture.order("retry", 1, 600, 200, state: "queued")
        #expect(fixture.broken == [])
    }

    @Test func `a failure without a failed handler and findings of the audit are found`() throws {
        var fixture = try RunFixture()
        fixture[2]?.failures = 1
        #expect(fixture.broken == ["no more failures were counted than handlers failed"])
        fixture = try RunFixture()
        var report = AuditReport(queue: Installation.queues[0])
        report.ledgerDifference = 1
        report.findings = [.init(subject: "x", what: "is wrong")]
        fixture.evidence.audits = [report]
        #expect(fixture.broken == ["the audit finds nothing", "the ledger agrees"])
    }

    @Test func `a run without a class of faults is void, and says so in its last line`() throws {
        var fixture = try RunFixture()
        fixture.evidence.faults = [FaultNote(kind: "drop", subject: "worker-1", from: 0, to: 1)]
        func report(_ classes: [String]) -> Report {
            Report(
                evidence: fixture.evidence, judgement: Judgement(fixture.evidence), classes: classes, stubborn: [],
                diskFull: true, seconds: 1)
        }
        #expect(report(["drop"]).exitCode == nil)
        #expect(report(["drop"]).text.hasSuffix("\n12 passed, 0 failed"))
        #expect(report(["drop", "reset"]).exitCode == ExitCode(3))
        #expect(report(["drop", "reset"]).text.hasSuffix("\n12 passed, 1 failed"))
        fixture[1] = nil
        fixture.evidence.completedEver = 2
        #expect(report(["drop", "reset"]).exitCode == .failure)
    }
}
