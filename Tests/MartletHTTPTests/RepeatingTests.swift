// Writes that are repeated in the background until Redis has answered.

import MartletQueue
import Testing

@testable import MartletHTTP

@Suite struct RepeatingTests {
    private func failure(_ kind: QueueError.Kind) -> QueueError { QueueError(kind, message: "no") }

    @Test func `a write is repeated until Redis answers`() async {
        var calls = 0
        let answer = await repeatedUntilAnswered { () throws(QueueError) in
            calls += 1
            if calls == 1 { throw failure(.unknown) }
            if calls == 2 { throw failure(.notExecuted(.unavailable)) }
            return "done"
        }
        #expect(answer == "done" && calls == 3)
    }

    @Test func `a refusal ends it, and so does its limit`() async {
        var calls = 0
        let refused: String? = await repeatedUntilAnswered { () throws(QueueError) in
            calls += 1
            throw failure(.refused(.protocolBroken("no")))
        }
        #expect(refused == nil && calls == 1)
        var limit = Duration.milliseconds(60)
        repeat {
            // Longer each time: on a busy machine a short limit may be over before the second call.
            limit = limit * 2
            calls = 0
            let start = ContinuousClock.now
            let late: String? = await repeatedUntilAnswered(within: limit) { () throws(QueueError) in
                calls += 1
                throw failure(.unknown)
            }
            #expect(late == nil && ContinuousClock.now - start >= limit)
        } while calls < 2 && limit < .seconds(20)
        #expect(calls >= 2)
    }
}
