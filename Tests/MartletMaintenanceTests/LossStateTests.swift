// What a server concludes from what it remembers and what Redis says: numbers, and no false alarms.

import MartletQueue
import Testing

@testable import MartletMaintenance

@Suite struct LossStateTests {
    /// Looks once at a store of one queue.
    private func look(
        _ memory: inout LossState, _ created: Int?, kept: Int? = nil, epoch: String = "e", store: String = "s",
        registered: Int = 1, listed: Bool = true, pushes: PushMarks? = nil, now: Int = 0
    ) -> LossState.Findings {
        let mark = created.map { QueueMark(epoch: epoch, created: $0, kept: kept ?? $0) }
        let marks = StoreMarks(epoch: store, registered: registered, queues: listed ? ["q": mark] : [:])
        return memory.look(marks, pushes.map { ["q": $0] } ?? [:], now: now)
    }

    @Test func `a count that grows or stays is no loss, however many jobs are deleted`() {
        var memory = LossState()
        for (created, kept) in [(0, 0), (10, 10), (10, 0), (25, 3), (25, 25)] {
            let pushes = PushMarks(acknowledged: created, missing: 0)
            #expect(look(&memory, created, kept: kept, pushes: pushes) == LossState.Findings())
        }
        #expect(memory.losses.isEmpty)
        #expect(memory.queues["q"]?.created == 25)
    }

    @Test func `an older count is a loss of the difference, told once, since the last look`() throws {
        var memory = LossState()
        _ = look(&memory, 100, now: 1000)
        let findings = look(&memory, 70, now: 2000)
        #expect(findings.losses.map(\.missing) == [30])
        let loss = try #require(memory.losses.first)
        #expect(loss.sign == .olderState)
        #expect((loss.since, loss.noticed) == (1000, 2000))
        #expect(findings.restarted == ["q": 70])
        #expect(look(&memory, 71, now: 3000) == LossState.Findings())
        #expect(memory.missing == ["q": 30])
    }

    @Test func `answers to pushes since the last look count too`() {
        var memory = LossState()
        _ = look(&memory, 100)
        #expect(look(&memory, 130, pushes: PushMarks(acknowledged: 150, missing: 0)).losses.map(\.missing) == [20])
        // 30 new pushes hide the loss of 20 from the counts; the first of their answers gave it away.
        _ = look(&memory, 200)
        #expect(look(&memory, 260, pushes: PushMarks(acknowledged: 260, missing: 20)).losses.map(\.missing) == [20])
        #expect(memory.missing == ["q": 40])
    }

    @Test func `an answer that came while Redis was asked counts too, unless it is one from after the loss`() {
        var memory = LossState()
        _ = look(&memory, 60)
        // The look was held up while Redis was away: the last push before that was answered after it had begun.
        let held = PushMarks(acknowledged: 66, missing: 0, latest: 67)
        #expect(look(&memory, 40, pushes: held).losses.map(\.missing) == [27])
        _ = look(&memory, 60)
        // Its own answer showed the loss, and what was answered behind that is new.
        let shown = PushMarks(acknowledged: 66, missing: 27, latest: 90)
        #expect(look(&memory, 40, pushes: shown).losses.map(\.missing) == [27])
        _ = look(&memory, 60)
        #expect(look(&memory, 63, pushes: PushMarks(acknowledged: 60, missing: 0, latest: 64)).losses.isEmpty)
    }

    @Test func `another epoch is a loss of all that was kept and of what came after the last look`() {
        for (pushes, missing) in [(nil, 60), (PushMarks(acknowledged: 120, missing: 0), 80)] {
            var memory = LossState()
            _ = look(&memory, 100, kept: 60)
            let findings = look(&memory, 3, epoch: "f", store: "t", pushes: pushes)
            #expect(findings.losses.map(\.missing) == [missing])
            #expect(findings.losses.map(\.sign) == [.newQueue])
            #expect(look(&memory, 4, epoch: "f", store: "t") == LossState.Findings())
        }
        var memory = LossState()
        _ = look(&memory, 100, kept: 60)
        let late = look(&memory, 8, epoch: "f", store: "t", pushes: PushMarks(acknowledged: 8, missing: 110))
        #expect(late.losses.map(\.missing) == [70], "60 of the last look, 10 after it, none of the new queue's")
    }

    @Test func `a flushed store is a loss, and its new queues are not`() {
        var memory = LossState()
        _ = look(&memory, 110)
        let findings = look(&memory, nil, store: "", registered: 0, listed: false)
        #expect(findings.losses.map(\.missing) == [110])
        #expect(findings.losses.map(\.sign) == [.noQueue])
        #expect(look(&memory, 5, epoch: "n", store: "t", pushes: PushMarks(acknowledged: 5, missing: 0)).losses.isEmpty)
        #expect(look(&memory, nil, store: "", registered: 0, listed: false).losses.map(\.missing) == [5])
    }

    @Test func `a queue that an operator removes is no loss, also when it is created again`() {
        var memory = LossState()
        _ = look(&memory, 10)
        let removed = look(&memory, nil, listed: false)
        #expect(removed.losses.isEmpty)
        #expect(removed.removed == ["q"])
        #expect(look(&memory, 2, epoch: "f", registered: 2).losses.isEmpty)
        // Removed and made anew between two looks.
        let again = look(&memory, 1, epoch: "g", registered: 3, pushes: PushMarks(acknowledged: 1, missing: 2))
        #expect(again.losses.isEmpty)
        #expect(again.removed == ["q"])
        #expect(again.restarted == ["q": 1])
    }

    @Test func `a queue that is being created again and has no data yet is no loss`() {
        var memory = LossState()
        _ = look(&memory, 10)
        let again = look(&memory, nil, registered: 2)
        #expect(again.losses.isEmpty)
        #expect(again.removed == ["q"])
        #expect(look(&memory, 2, epoch: "f", registered: 2).losses.isEmpty)
    }

    @Test func `a queue whose keys alone are gone is a loss, unless it was empty`() {
        var memory = LossState()
        _ = look(&memory, 10, kept: 4)
        #expect(look(&memory, nil).losses.map(\.missing) == [4])
        memory = LossState()
        _ = look(&memory, 10, kept: 0)
        #expect(look(&memory, nil).losses.isEmpty)
    }

    @Test func `an older state of a queue is a loss`() {
        var memory = LossState()
        _ = look(&memory, 10, registered: 5)
        #expect(look(&memory, nil, registered: 4, listed: false).losses.map(\.missing) == [10])
    }

    @Test func `accepting clears the losses noticed so far, and no later ones`() {
        var memory = LossState()
        _ = look(&memory, 10, now: 1)
        _ = look(&memory, 5, now: 2)
        _ = look(&memory, 3, now: 3)
        #expect(memory.accept(until: 2) == 1)
        #expect(memory.losses.map(\.missing) == [2])
        #expect(memory.accept(until: 9) == 1)
        #expect(memory.losses.isEmpty)
    }
}
