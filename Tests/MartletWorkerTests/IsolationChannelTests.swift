// The line between a worker and the process of an isolated job, without a process.

import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import MartletWorker

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct IsolationChannelTests {
    @Test func `frames sent before the other end closed are read, and so is the end`() async throws {
        for _ in 0..<20 {
            let ends = try #require(IsolationChannel.pair())
            let body = try JSONEncoder().encode(IsolationFrame.progress(completed: 1, total: nil, rate: nil))
            let length = [0, 0, UInt8(body.count >> 8), UInt8(body.count & 0xFF)]
            let bytes = length + Array(body)
            #expect(write(ends.theirs, bytes, bytes.count) == bytes.count)
            close(ends.theirs)
            let channel = IsolationChannel(ends.ours)
            let heard = ReceivedFrames()
            let listening = Task {
                for await _ in channel.frames { heard.frame() }
                heard.end()
            }
            try await eventually("the end is heard") { heard.isOver }
            await listening.value
            #expect(heard.frames == 1)
        }
    }
}

/// What a listener has heard.
private final class ReceivedFrames: Sendable {
    private let state = Mutex((frames: 0, isOver: false))

    var frames: Int { state.withLock { $0.frames } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func frame() { state.withLock { $0.frames += 1 } }
    func end() { state.withLock { $0.isOver = true } }
}
