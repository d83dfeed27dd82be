// Brings a body to its part file in two steps that overlap: while one piece is hashed the next is written.

import NIOCore

/// Writes and hashes the pieces of one transfer, each in its turn.
struct PartWriter {
    /// A smaller piece is hashed sooner than another thread wakes.
    private static let smallSize = 256 << 10

    let part: PartFile
    /// The last piece's steps.
    ///
    /// One that fails fails all behind it, so nothing is written past a gap.
    private var last: (written: EventLoopFuture<Void>, hashed: EventLoopFuture<Void>)?

    init(_ part: PartFile) { self.part = part }

    /// Begins with a piece of `count` bytes; the future is done when it was written and hashed.
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
        let ready = last?.hashed.and(written).map { _ in } ?? written
        let hashed = ready.flatMap { Disk.start { part.hash(piece) } }
        last = (written, hashed)
        return hashed
    }
}
