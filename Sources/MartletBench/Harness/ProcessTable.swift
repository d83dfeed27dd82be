// The processor time of processes and their descendants, from /proc.

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The processes of this machine, as /proc has them.
enum ProcessTable {
    /// One line of `/proc/<pid>/stat`.
    struct Entry: Equatable {
        var parent: Int32
        /// Ticks of the processor, including those of its children that have exited.
        var ticks: Int

        /// The name may have spaces and parentheses, so the fields are counted from behind it.
        init?(_ line: String) {
            guard let end = line.lastIndex(of: ")") else { return nil }
            let fields = line[line.index(after: end)...].split(separator: " ")
            guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
            self.parent = parent
            ticks = fields[11...14].reduce(0) { $0 + (Int($1) ?? 0) }
        }
    }

    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// Seconds of the processor that these processes and their descendants have used so far.
    static func cpu(of roots: [Int32]) -> Double {
        var entries: [Int32: Entry] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let id = Int32(name), let entry = entry(of: id) else { continue }
            entries[id] = entry
        }
        let children = Dictionary(grouping: entries.keys) { entries[$0]?.parent ?? 0 }
        var ticks = 0
        var open = roots
        while let id = open.popLast() {
            ticks += entries[id]?.ticks ?? 0
            open += children[id] ?? []
        }
        return Double(ticks) / ticksPerSecond
    }

    /// One process; `nil` when it is not there.
    static func entry(of id: Int32) -> Entry? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(id)/stat") else { return nil }
        return Entry(String(decoding: data, as: UTF8.self))
    }

    /// Seconds of the processor that ended children of this process have used.
    static var endedChildren: Double {
        var usage = rusage()
        guard getrusage(RUSAGE_CHILDREN.rawValue, &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
