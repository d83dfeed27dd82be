// Frames as bytes, without a line: however they are cut, and what is no frame.

import MartletJobs
import Testing

@testable import MartletWorker

@Suite struct IsolationFramesTests {
    /// What comes out of pieces of so many bytes, and whether all of it was frames.
    private func read(_ bytes: [UInt8], by length: Int) -> (words: [String], isWhole: Bool) {
        var (frames, words) = (IsolationFrames(), [String]())
        for start in stride(from: 0, to: bytes.count, by: length) {
            let isGood = frames.take(bytes[start..<min(start + length, bytes.count)]) { words.append("\($0)") }
            guard isGood else { return (words, false) }
        }
        return (words, frames.pendingCount == 0)
    }

    @Test func `frames are read whole and in order, however their bytes are split`() throws {
        let frames: [IsolationFrame] = [
            .stop(.cancel), .progress(completed: 1, total: nil, rate: 0.5), .saved(number: 2, refusal: .leaseLost),
        ]
        let bytes = try frames.flatMap { try #require(IsolationFrames.bytes(of: $0)) }
        for length in [1, 3, 4, 5, 50, bytes.count] {
            let found = read(bytes, by: length)
            #expect(found.words == frames.map { "\($0)" } && found.isWhole)
        }
        #expect(read(Array(bytes.dropLast()), by: 7).words.count == 2)
    }

    @Test func `an invalid frame ends the channel, and a length beyond the limit is refused`() {
        #expect(!read([0, 0, 0, 2, 0x7B, 0x7D], by: 6).isWhole)
        #expect(!read([0, 0, 0, 0], by: 4).isWhole)
        let limit = IsolationFrames.limit
        let header = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: (limit + 1) >> $0) }
        var frames = IsolationFrames()
        let isGood = frames.take(header[...]) { _ in Issue.record("a frame of nothing") }
        #expect(!isGood)
    }

    @Test func `a number that JSON cannot express makes no frame`() {
        #expect(IsolationFrames.bytes(of: .progress(completed: 1, total: nil, rate: .nan)) == nil)
    }
}
