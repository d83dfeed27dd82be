// Finds the known name that a misspelt one most likely means.

/// Finds misspelt names.
enum NearestName {
    /// The longest name to compare; no field has a longer one.
    private static let limit = 32
    /// The most letters by which two names may differ.
    static let mostDifferent = 3

    /// The closest name, if it differs in few letters.
    static func of(_ name: String, among names: [String]) -> String? {
        let letters = Array(name.lowercased().utf8)
        guard (2...limit).contains(letters.count) else { return nil }
        let near = names.map { (name: $0, distance: distance(letters, Array($0.utf8))) }
            .filter { $0.distance <= max(1, min(mostDifferent, $0.name.utf8.count / 3)) }
        return near.min { $0.distance < $1.distance }?.name
    }

    /// The edit distance: insertions, deletions, replacements, and swaps of neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for i in 1...left.count {
            var row = [i]
            for j in right.indices.map({ $0 + 1 }) {
                let isSame = left[i - 1] == right[j - 1]
                var best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (isSame ? 0 : 1))
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    best = min(best, rows[i - 2][j - 2] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
