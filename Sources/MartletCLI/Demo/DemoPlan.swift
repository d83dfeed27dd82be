// The demonstration's files and faults: the same in every run.

import MartletJSON

/// The files, their priorities and the faults.
enum DemoPlan {
    static let count = 24
    /// The speed of one connection, so that the demonstration takes long enough to watch.
    static let bytesPerSecond = 1 << 20
    /// The number of concurrent downloads over all workers.
    static let concurrency = 6
    /// The share of bytes after which everything is paused.
    static let pauseAt = 0.15
    /// The share of bytes after which a worker is killed.
    static let killAt = 0.4

    private static let kibibytes = [1100, 260, 2050, 520, 3100, 1500, 410, 5200]
    private static let priorities = [0, 10, 0, -5, 5, 0, 10, -10]

    /// The files.
    static let files = (0..<count).map { index in
        OriginFile(
            name: "track-\(index < 9 ? "0" : "")\(index + 1).flac",
            size: kibibytes[index % kibibytes.count] * 1024 + index * 977 + 1, seed: UInt64(index) + 20_240)
    }

    /// The size of all files.
    static let totalBytes = files.reduce(0) { $0 + $1.size }

    /// The priority of a file by its index.
    static func priority(_ index: Int) -> Int { priorities[index % priorities.count] }

    /// The origin server's files and faults: every fourth file is refused at first, others are interrupted.
    static var content: OriginContent {
        let places = Dictionary(files.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { $1 })
        let sizes = files.map(\.size)
        return OriginContent(files: files, bytesPerSecond: bytesPerSecond) { name, number in
            guard let index = places[name] else { return .none }
            switch (index % 4, number) {
            case (1, 1): return .unavailable(retryAfter: 1)
            case (2, 1): return .drop(afterBytes: sizes[index] / 2)
            case (0, 1) where index % 8 == 4: return .drop(afterBytes: sizes[index] / 3)
            case (0, 2) where index % 8 == 4: return .drop(afterBytes: sizes[index] / 4)
            default: return .none
            }
        }
    }

    /// The body of the request that pushes everything; `url` gives a file's URL.
    static func batch(url: (String) -> String) -> JSONValue {
        let items = files.enumerated().map { index, file in
            JSONValue.object([
                "url": .string(url(file.name)), "filename": .string(file.name),
                "priority": .integer(priority(index)),
            ])
        }
        return .object(["downloads": .array(items)])
    }
}
