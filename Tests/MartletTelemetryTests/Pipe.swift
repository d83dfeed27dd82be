// A pipe of the operating system, to see what a descriptor really gets.

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The two ends of a pipe.
struct Pipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32

    struct Failed: Error {}

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failed() }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    /// Reads `count` bytes and closes both ends.
    ///
    /// The end of the stream is no sign to wait for: a process that another test starts may inherit the write end.
    func read(_ count: Int) -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while all.count < count {
            let got = readBytes(&buffer)
            guard got > 0 else { break }
            all += buffer.prefix(got)
        }
        close(readEnd)
        close(writeEnd)
        return String(decoding: all, as: UTF8.self)
    }

    private func readBytes(_ buffer: inout [UInt8]) -> Int {
        #if canImport(Glibc)
            return Glibc.read(readEnd, &buffer, buffer.count)
        #else
            return Darwin.read(readEnd, &buffer, buffer.count)
        #endif
    }
}
