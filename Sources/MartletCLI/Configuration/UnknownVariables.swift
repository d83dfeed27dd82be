// Variables that look like settings and are none: most are misspelt, so the nearest name is told.

/// Finds variables that are named like settings and are none.
enum UnknownVariables {
    /// What the names of settings begin with.
    static let prefixes = ["REDIS_", "HTTP_", "WORKER_", "DOWNLOAD_", "AUTH_", "LOG_"]
    /// Variables of other programs that begin alike.
    private static let foreign: Set<String> = ["HTTP_PROXY"]

    /// A sentence for each of them, in the order of the alphabet.
    static func warnings(_ variables: [String: String], known: Set<String>) -> [String] {
        variables.filter { name, value in
            prefixes.contains { name.hasPrefix($0) } && !known.contains(name) && !foreign.contains(name)
                && !isServiceLink(name, value)
        }.keys.sorted().map { name in
            let hint = nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
            return "\(name) is set, but Martlet has no such setting\(hint)"
        }
    }

    /// Kubernetes sets these for a service of the name `redis` or `http`.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        value.hasPrefix("tcp://") || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
            || name.firstMatch(of: /_PORT_[0-9]+_(TCP|UDP)/) != nil
    }

    /// The name that differs in the fewest letters; `nil` when all differ in more than a third of them.
    static func nearest(to name: String, among known: Set<String>) -> String? {
        let distances = known.map { (name: $0, distance: distance(Array(name.utf8), Array($0.utf8))) }
        let best = distances.min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let best, best.distance <= max(2, name.utf8.count / 3) else { return nil }
        return best.name
    }

    /// How many letters must be changed, added or taken away.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for place in other.indices {
                let changed = diagonal + (letter == other[place] ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(changed, row[place] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}
