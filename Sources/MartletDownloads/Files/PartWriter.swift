// Writes a body to its part file in two overlapping steps: while one piece is hashed, the next is written.

import NIOCore

/// Writes and hashes the pieces of a transfer in order.
struct PartWriter {
    /// Hashing a smaller piece is faster than waking another thread.
    private static let smallSize = 256 << 10

    let part: PartFile
    /// The steps of the last piece.
    ///
    /// A failed step fails all later ones, so nothing is written after a gap.
    private var last: (written: EventLoopFuture<Void>, hashed: EventLoopFuture<Void>)?

    init(_ part: PartFile) { self.part = part }

    /// Starts a piece of `count` bytes; the future completes when it is written and hashed.
    mutating func append(_ piece: [ByteBuffer], count: Int) -> EventLoopFuture<Void> {
        let part = part
        if count < Self.smallSize {
            let both: @Sendable () throws -> Void = {
                try part.write(piece)
                part.hash(piece)
            }
            let done = last?.hashed.flatMap { Disk.start(both) } ?? Disk.start(both)
            last = (done, done)
            return done
        }
        let write: @Sendable () throws -> Void = { try part.write(piece) }
        let written = last?.written.flatMap { Disk.start(write) } ?? Disk.start(write)
        // In this order, so that a piece that cannot be written ends the transfer only when those before it count.
        let ready = last?.hashed.flatMap { written } ?? written
        let hashed = ready.flatMap { Disk.start { part.hash(piece) } }
        last = (written, hashed)
        return hashed
    }
}
