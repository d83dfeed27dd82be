// The records that workers write: when each handler started, and the time in the job's payload.

import FoundationEssentials

/// One handled job.
struct BenchRecord: Sendable, Equatable {
    /// Bytes of a record in the file.
    static let size = 16

    /// When the handler started, in seconds since 1970.
    var started: Double
    /// The time in the payload: when the job was pushed, or was due.
    var stamped: Double

    /// Seconds between the two.
    var delay: Double { started - stamped }
}

/// The file in which workers leave their records.
struct BenchRecordFile: Sendable {
    let path: String

    /// How many records there are.
    var count: Int { (FileSize.of(path) ?? 0) / BenchRecord.size }

    /// All records, in the order in which the handlers started.
    func records() -> [BenchRecord] {
        let bytes = FileManager.default.contents(atPath: path).map(Array.init) ?? []
        let records = stride(from: 0, to: bytes.count - BenchRecord.size + 1, by: BenchRecord.size).map { offset in
            BenchRecord(started: Self.double(bytes, offset), stamped: Self.double(bytes, offset + 8))
        }
        return records.sorted { $0.started < $1.started }
    }

    private static func double(_ bytes: [UInt8], _ offset: Int) -> Double {
        var bits: UInt64 = 0
        for index in 0..<8 { bits |= UInt64(bytes[offset + index]) << (8 * UInt64(index)) }
        return Double(bitPattern: bits)
    }

    /// The bytes of records as the file has them.
    static func encode(_ records: [BenchRecord]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(records.count * BenchRecord.size)
        for record in records {
            withUnsafeBytes(of: record.started.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: record.stamped.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}
