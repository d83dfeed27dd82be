// The working side of the benchmark: its handler records two times.

import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Collects the records of a worker process and writes them to the file.
///
/// The first one is written at once, so that whoever watches the file sees when work begins. The others are kept in
/// memory and written once none has come for 50 ms, once a second, and at the end: a write for each job would measure
/// the file system as well.
final class BenchTally: Service {
    private struct State {
        var records: [BenchRecord] = []
        var count = 0
    }

    private let state = Mutex(State())
    private let file: Int32
    private let limit: Int?

    /// A tally that ends its service after `limit` records.
    init(path: String, limit: Int?) {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        self.limit = limit
        state.withLock { $0.records.reserveCapacity(1 << 18) }
    }

    deinit { close(file) }

    /// Notes that a job with this time in its payload has started.
    func note(_ stamped: Double) {
        let record = BenchRecord(started: BenchClock.now, stamped: stamped)
        let isFirst = state.withLock { state in
            state.count += 1
            if state.count > 1 { state.records.append(record) }
            return state.count == 1
        }
        if isFirst { write([record]) }
    }

    /// Writes the collected records regularly until the service stops.
    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var (last, age) = (0, 0)
            while true {
                try await Task.sleep(for: .milliseconds(50))
                let count = self.state.withLock { $0.count }
                age += 1
                if count == last || age >= 20 {
                    self.flush()
                    age = 0
                }
                last = count
                if let limit = self.limit, count >= limit { return }
            }
        }
        flush()
    }

    private func flush() {
        let records = state.withLock { state in
            let records = state.records
            state.records.removeAll(keepingCapacity: true)
            return records
        }
        if !records.isEmpty { write(records) }
    }

    private func write(_ records: [BenchRecord]) {
        let bytes = BenchRecordFile.encode(records)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { writeBytes(file, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            written += max(0, count)
        }
    }
}

/// The C function `write`, under a name that no method hides.
private func writeBytes(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(file, bytes, count) }
