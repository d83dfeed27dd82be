// Frames as bytes: JSON behind its length in four bytes, put together again from whatever pieces arrive.

import FoundationEssentials

/// What arrived of a line of frames and is no whole one yet.
struct IsolationFrames: Sendable {
    /// The most bytes of a frame: a payload of at most a MiB as base64, and some words.
    static let limit = 8 << 20

    private var pending: [UInt8] = []

    /// How many bytes wait for the rest of their frame.
    var pendingCount: Int { pending.count }

    /// A frame with its length; `nil` for one that no JSON can hold.
    static func bytes(of frame: IsolationFrame) -> [UInt8]? {
        guard let body = try? JSONEncoder().encode(frame) else { return nil }
        let length = UInt32(body.count)
        return (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + body
    }

    /// Takes in what arrived and gives out the frames that are whole now; false for what is no frame.
    mutating func take(_ bytes: ArraySlice<UInt8>, _ give: (IsolationFrame) -> Void) -> Bool {
        pending += bytes
        while pending.count >= 4 {
            let length = pending[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= Self.limit else { return false }
            guard pending.count >= 4 + length else { return true }
            guard let frame = try? JSONDecoder().decode(IsolationFrame.self, from: Data(pending[4..<(4 + length)]))
            else { return false }
            give(frame)
            pending.removeFirst(4 + length)
        }
        return true
    }
}
