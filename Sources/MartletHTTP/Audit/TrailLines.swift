// The audit trail as lines of JSON, read while it is sent.

import MartletJSON
import MartletQueue
import Synchronization

/// Makes the pieces of an export.
final class TrailLines: ReplySource {
    static let type = "application/x-ndjson"
    /// The size from which on a piece is sent.
    private static let pieceSize = 32 << 10

    private let filter: TrailFilter
    private let permit: StreamPermit
    /// The place in the walk; `nil` at its end, and once the stream was stopped.
    private let reader: Mutex<TrailReader?>

    init(_ reader: TrailReader, _ filter: TrailFilter, permit: StreamPermit) {
        self.filter = filter
        self.permit = permit
        self.reader = Mutex(reader)
    }

    let wasOverrun = false

    func stop() { reader.withLock { $0 = nil } }

    func next() async -> [UInt8]? {
        guard var walk = reader.withLock({ $0 }) else { return nil }
        var piece: [UInt8] = []
        var isAtEnd = false
        while piece.count < Self.pieceSize, reader.withLock({ $0 != nil }) {
            // An export that Redis breaks off must not look whole: its last line says so.
            do throws(QueueError) {
                guard let entry = try await walk.next() else {
                    isAtEnd = true
                    break
                }
                guard filter.matches(entry) else { continue }
                piece += entry.json.bytes
            } catch {
                piece += JSONOutput.object(["error": .string(error.publicText)]).bytes
                isAtEnd = true
            }
            piece.append(UInt8(ascii: "\n"))
            if isAtEnd { break }
        }
        let (rest, hasEnded) = (walk, isAtEnd)
        reader.withLock { if $0 != nil { $0 = hasEnded ? nil : rest } }
        return piece.isEmpty ? nil : piece
    }
}
