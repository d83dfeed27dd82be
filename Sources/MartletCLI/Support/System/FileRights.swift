// Checks who besides its owner can read or change a file.

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What everybody on this machine may do with the file that a path leads to.
struct FileRights: Sendable, Equatable {
    var everybodyReads = false
    /// The file, or a directory on the way to it, that everybody may write; `nil` when there is none.
    ///
    /// Who may write a directory may put another file or link in the place of one in it, unless the sticky bit is set.
    var writable: String?

    private static let read: mode_t = 0o004
    private static let write: mode_t = 0o002
    private static let sticky: mode_t = 0o1000

    /// The rights of a file, of the links that lead to it and of their directories; none when it cannot be asked.
    init(of path: String) {
        var way = PathWay(path)
        while let step = way.next() {
            var facts = stat()
            guard lstat(step, &facts) == 0 else { return }
            let mode = facts.st_mode
            switch mode & S_IFMT {
            case S_IFLNK:
                guard way.follow(step) else { return }
                continue
            case S_IFDIR:
                if mode & Self.write != 0, mode & Self.sticky == 0 { writable = writable ?? step }
            default:
                everybodyReads = mode & Self.read != 0
                if mode & Self.write != 0 { writable = writable ?? step }
            }
            way.enter(step)
        }
    }
}

/// The files and directories on the way that a path takes through links.
private struct PathWay {
    /// More links than the system itself follows.
    private static let mostLinks = 40

    private var place = "/"
    private var rest: [String]
    private var links = 0

    init(_ path: String) {
        let whole = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
        rest = Self.pieces(whole)
    }

    private static func pieces(_ path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
    }

    /// The next place to look at; `nil` at the end.
    mutating func next() -> String? {
        while let piece = rest.popLast() {
            guard piece == ".." else { return place == "/" ? "/" + piece : "\(place)/\(piece)" }
            place = place.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
            if place.isEmpty { place = "/" }
        }
        return nil
    }

    /// Goes on from a place that is no link.
    mutating func enter(_ step: String) { place = step }

    /// Goes where a link leads; false when it cannot be read.
    mutating func follow(_ link: String) -> Bool {
        links += 1
        guard links <= Self.mostLinks, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        else { return false }
        if target.hasPrefix("/") { place = "/" }
        rest += Self.pieces(target)
        return true
    }
}
