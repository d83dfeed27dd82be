// The lock of pushes that are all or nothing: one at a time, in order, and nobody for ever.

import Testing

@testable import MartletQueue

@Suite struct AsyncSemaphoreTests {
    @Test func `one task enters at a time, and one that waits too long gets an error`() async {
        let semaphore = AsyncSemaphore()
        #expect(await semaphore.acquire(within: .seconds(30)))
        #expect(await !semaphore.acquire(within: .milliseconds(20)))
        async let second = semaphore.acquire(within: .seconds(30))
        semaphore.release()
        #expect(await second)
        #expect(await !semaphore.acquire(within: .milliseconds(20)), "the second one is still inside")
        semaphore.release()
        #expect(await semaphore.acquire(within: .seconds(30)))
        semaphore.release()
    }

    @Test func `as many tasks enter as there are permits`() async {
        let semaphore = AsyncSemaphore(permits: 2)
        #expect(await semaphore.acquire(within: .seconds(30)))
        #expect(await semaphore.acquire(within: .seconds(30)))
        #expect(await !semaphore.acquire(within: .milliseconds(20)))
        semaphore.release()
        #expect(await semaphore.acquire(within: .seconds(30)))
    }
}
