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

    func closeWriteEnd() { close(writeEnd) }

    /// Everything up to the end.
    func readAll() -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(readEnd, &buffer, buffer.count)
            guard count > 0 else { break }
            all += buffer.prefix(count)
        }
        close(readEnd)
        return String(decoding: all, as: UTF8.self)
    }
}
