// Whether the judgement of a soak sees what it must see: each rule is broken by hand, and no other one may complain.

import ArgumentParser
import FoundationEssentials
import MartletJobs
import Testing

@testable import MartletQueue
@testable import MartletSoak

/// A run of three jobs in which all went well: the first ran twice, because its first attempt threw.
private struct Scene {
    var evidence: Evidence
    let ids: [JobID] = (0..<3).map { _ in .generate() }

    init() throws {
        var pushes = Pushes()
        pushes.attempted = [0, 1, 2]
        evidence = Evidence(pushes: pushes, orders: [], faults: [], isDrained: true)
        let queue = Household.queues[0]
        var lines = [
            ["start", "\(ids[0])", "1:a", "7", "100", "0"], ["end", "\(ids[0])", "1:a", "7", "120", "threw"],
        ]
        for (n, id) in ids.enumerated() {
            let payload = try JSONEncoder().encode(SoakJob(n: n, ms: 1, manner: .fine))
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
        let scene = try Scene()
        #expect(scene.broken == [])
        #expect(scene.duplicates == 0)
        #expect(Judgement(scene.evidence).passed == 12)
    }

    @Test func `a lost job is seen`() throws {
        var scene = try Scene()
        scene[1] = nil
        scene.evidence.completedEver = 2
        #expect(scene.broken == ["every acknowledged job is there"])
    }

    @Test(arguments: [(5001, 5100, true), (7499, 7600, true), (7501, 7600, false), (4000, 4999, false)])
    func `a job that was answered within two seconds before Redis was killed is no loss of ours`(
        from: Int, to: Int, isHeldBack: Bool
    ) throws {
        var scene = try Scene()
        scene[1] = nil
        scene.evidence.completedEver = 2
        scene.evidence.faults = [FaultNote(kind: "kill-redis", subject: "redis", from: from, to: to)]
        #expect(scene.broken == (isHeldBack ? [] : ["every acknowledged job is there"]))
        #expect(Judgement(scene.evidence).heldBack.count == (isHeldBack ? 1 : 0))
        scene.evidence.faults[0].kind = "restart-redis"
        #expect(scene.broken == ["every acknowledged job is there"])
    }

    @Test func `a job that never ended is seen, and so is a run without an end`() throws {
        var scene = try Scene()
        scene[1]?.state = .queued
        scene.evidence.completedEver = 2
        #expect(scene.broken == ["every acknowledged job has ended"])
        scene = try Scene()
        scene.evidence.isDrained = false
        #expect(scene.broken == ["every acknowledged job has ended"])
    }

    @Test func `jobs that nobody pushed, or that one push made twice, are seen`() throws {
        let rule = ["every job was pushed by somebody, once"]
        var scene = try Scene()
        scene.evidence.pushes.attempted = [0, 2]
        #expect(scene.broken == rule)
        scene = try Scene()
        let payload = try #require(scene[0]).payload
        scene[1]?.payload = payload
        #expect(scene.broken == rule)
        scene = try Scene()
        scene[1]?.payload = Array("?".utf8)
        #expect(scene.broken == rule)
    }

    @Test func `pushes without an answer and wrong answers are seen`() throws {
        var scene = try Scene()
        scene.evidence.pushes.unanswered = ["k"]
        scene.evidence.pushes.wrong = ["k: 500"]
        #expect(scene.broken == ["every push was answered in the end", "no server gave a wrong answer"])
    }

    @Test func `a completion too many, or by a claim whose handler did not return, is seen`() throws {
        let rule = ["every completion was accepted once"]
        var scene = try Scene()
        scene.evidence.completedEver = 4
        #expect(scene.broken == rule)
        scene = try Scene()
        scene[2]?.claims = 2
        #expect(scene.broken == rule)
        scene = try Scene()
        scene.evidence.attempts["\(scene.ids[2])"]?[0].how = nil
        #expect(scene.broken == rule)
    }

    @Test func `a token that starts two handlers is seen`() throws {
        var scene = try Scene()
        scene.evidence.faults = [FaultNote(kind: "kill-redis", subject: "redis", from: 0, to: 9000)]
        scene.run(1, token: "1:b1", at: 2000, how: "returned")
        #expect(scene.broken == ["every token started one handler"])
    }

    @Test func `a repetition needs a fault of the worker that had the job, in its time`() throws {
        let rule = ["every repetition has its reason"]
        func repeated(_ faults: FaultNote...) throws -> Scene {
            var scene = try Scene()
            scene.run(1, token: "2:c", at: 9000, how: "returned")
            scene[1]?.claims = 2
            scene.evidence.faults = faults
            return scene
        }
        #expect(try repeated().broken == rule)
        #expect(try repeated(FaultNote(kind: "drop", subject: "worker-2", from: 2000, to: 2001)).broken == rule)
        #expect(try repeated(FaultNote(kind: "drop", subject: "worker-1", from: 9100, to: 9200)).broken == rule)
        for subject in ["worker-1", "redis"] {
            let scene = try repeated(FaultNote(kind: "drop", subject: subject, from: 2000, to: 2001))
            #expect(scene.broken == [])
            #expect(scene.duplicates == 1)
        }
    }

    @Test func `a claim that starts after a newer one needs a fault of its own worker`() throws {
        func overtaken(_ subject: String) throws -> Scene {
            var scene = try Scene()
            scene.run(0, token: "1:z", at: 9000, how: "stopped:leaseLost", on: "worker-3")
            scene.evidence.faults = [FaultNote(kind: "stop-worker", subject: subject, from: 900, to: 8990)]
            return scene
        }
        #expect(try overtaken("worker-3").broken == [])
        #expect(try overtaken("worker-1").broken == ["every repetition has its reason"])
    }

    @Test(arguments: ["threw", "snoozed", "stopped:pause", "stopped:shutdown", "stopped:leaseLost", "returned"])
    func `only what was given back may run again without a fault`(_ how: String) throws {
        var scene = try Scene()
        scene.evidence.attempts["\(scene.ids[1])"]?[0].how = how
        scene.run(1, token: "2:c", at: 9000, how: "returned")
        scene[1]?.claims = 2
        let isNatural = how != "returned" && how != "stopped:leaseLost"
        #expect(scene.broken == (isNatural ? [] : ["every repetition has its reason"]))
        scene.order("retry", 1, 5000, nil)
        #expect(scene.broken == [], "an operator may have asked for it")
    }

    @Test func `a start after an answered cancel is seen, unless somebody retried the job`() throws {
        var scene = try Scene()
        scene.order("cancel", 1, 500, 202, state: "active")
        #expect(scene.broken == [], "it was only asked to stop")
        scene.order("cancel", 1, 500, 200, state: "cancelled")
        #expect(scene.broken == ["nothing started after its cancel was answered"])
        scene.order("retry", 1, 600, 200, state: "queued")
        #expect(scene.broken == [])
    }

    @Test func `a failure that no handler had, and what the audit finds, are seen`() throws {
        var scene = try Scene()
        scene[2]?.failures = 1
        #expect(scene.broken == ["no more failures were counted than handlers failed"])
        scene = try Scene()
        var report = AuditReport(queue: Household.queues[0])
        report.ledgerDifference = 1
        report.findings = [.init(subject: "x", what: "is wrong")]
        scene.evidence.audits = [report]
        #expect(scene.broken == ["the audit finds nothing", "the ledger agrees"])
    }

    @Test func `a run without a class of faults is void, and says so in its last line`() throws {
        var scene = try Scene()
        scene.evidence.faults = [FaultNote(kind: "drop", subject: "worker-1", from: 0, to: 1)]
        func report(_ classes: [String]) -> Report {
            Report(
                evidence: scene.evidence, judgement: Judgement(scene.evidence), classes: classes, stubborn: [],
                diskFull: true, seconds: 1)
        }
        #expect(report(["drop"]).exitCode == nil)
        #expect(report(["drop"]).text.hasSuffix("\n12 passed, 0 failed"))
        #expect(report(["drop", "reset"]).exitCode == ExitCode(3))
        #expect(report(["drop", "reset"]).text.hasSuffix("\n12 passed, 1 failed"))
        scene[1] = nil
        scene.evidence.completedEver = 2
        #expect(report(["drop", "reset"]).exitCode == .failure)
    }
}
