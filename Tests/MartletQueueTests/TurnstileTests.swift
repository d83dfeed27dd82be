// The lock of pushes that are all or nothing: one at a time, in order, and nobody for ever.

import Testing

@testable import MartletQueue

@Suite struct TurnstileTests {
    @Test func `one is let in at a time, and who waits too long is told so`() async {
        let turnstile = Turnstile()
        #expect(await turnstile.enter(within: .seconds(5)))
        #expect(await !turnstile.enter(within: .milliseconds(20)))
        async let second = turnstile.enter(within: .seconds(5))
        turnstile.leave()
        #expect(await second)
        #expect(await !turnstile.enter(within: .milliseconds(20)), "the second one is still inside")
        turnstile.leave()
        #expect(await turnstile.enter(within: .seconds(5)))
        turnstile.leave()
    }

    @Test func `so many are let in at a time as there are places`() async {
        let turnstile = Turnstile(places: 2)
        #expect(await turnstile.enter(within: .seconds(5)))
        #expect(await turnstile.enter(within: .seconds(5)))
        #expect(await !turnstile.enter(within: .milliseconds(20)))
        turnstile.leave()
        #expect(await turnstile.enter(within: .seconds(5)))
    }
}
