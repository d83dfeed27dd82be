// Warns about environment variables that resemble settings; suggests the closest name.

/// Finds variables with names like settings that do not exist.
enum UnknownVariables {
    /// The prefixes of setting names.
    static let prefixes = ["REDIS_", "HTTP_", "WORKER_", "DOWNLOAD_", "AUTH_", "LOG_"]
    /// Variables of other programs with these prefixes.
    private static let foreign: Set<String> = ["HTTP_PROXY"]

    /// A sentence per variable, in alphabetical order.
    static func warnings(_ variables: [String: String], known: Set<String>) -> [String] {
        variables.filter { name, value in
            prefixes.contains { name.hasPrefix($0) } && !known.contains(name) && !foreign.contains(name)
                && !isServiceLink(name, value)
        }.keys.sorted().map { name in
            let hint = nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
            return "\(name) is set, but Martlet has no such setting\(hint)"
        }
    }

    /// Kubernetes sets these for a service named `redis` or `http`.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        value.hasPrefix("tcp://") || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
            || name.firstMatch(of: /_PORT_[0-9]+_(TCP|UDP)/) != nil
    }

    /// The closest name; `nil` when more than a third of its letters differ.
    static func nearest(to name: String, among known: Set<String>) -> String? {
        let distances = known.map { (name: $0, distance: distance(Array(name.utf8), Array($0.utf8))) }
        let best = distances.min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let best, best.distance <= max(2, name.utf8.count / 3) else { return nil }
        return best.name
    }

    /// The edit distance.
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
