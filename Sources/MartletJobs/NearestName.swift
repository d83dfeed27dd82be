// Finds the known name that a misspelt one most likely means.

/// Finds misspelt names.
package enum NearestName {
    /// The longest name that is compared.
    private static let longest = 64

    /// The known name that differs least.
    ///
    /// - Parameters:
    ///   - name: the unknown name; it is compared as it is spelled.
    ///   - names: the known names; of several that differ alike the first one counts.
    ///   - limit: by how many letters a known name may differ at most.
    /// - Returns: `nil` when all differ by more, and for a name of more than 64 bytes.
    package static func of(_ name: String, among names: [String], within limit: (String) -> Int) -> String? {
        let letters = Array(name.utf8)
        guard letters.count <= longest else { return nil }
        let near = names.map { (name: $0, distance: distance(letters, Array($0.utf8))) }
            .filter { $0.distance <= limit($0.name) }
        return near.min { $0.distance < $1.distance }?.name
    }

    /// The edit distance: insertions, deletions, replacements, and swaps of neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty else { return right.count }
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
