// The framing: JSON with a four-byte length prefix, reassembled from partial reads.

import FoundationEssentials

/// Received bytes that do not yet form a whole frame.
struct IsolationFrames: Sendable {
    /// The largest frame: a payload of at most 1 MiB in base64, plus other fields.
    static let limit = 8 << 20

    private var pending: [UInt8] = []

    /// The number of bytes that wait for the rest of their frame.
    var pendingCount: Int { pending.count }

    /// A frame with its length prefix; `nil` when it cannot be encoded as JSON.
    static func bytes(of frame: IsolationFrame) -> [UInt8]? {
        guard let body = try? JSONEncoder().encode(frame) else { return nil }
        let length = UInt32(body.count)
        return (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + body
    }

    /// Adds received bytes and passes on each complete frame; returns false for an invalid frame.
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
