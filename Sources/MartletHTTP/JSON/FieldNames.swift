// Which field or parameter a name that a request has and nobody knows was probably meant to be.

import MartletJobs

/// Misspelt names of fields and parameters.
enum FieldNames {
    /// The longest name to compare; no field has a longer one.
    private static let longest = 32
    /// The most letters by which two names may differ.
    static let mostDifferent = 3

    /// The closest name, if it differs in few letters.
    static func meant(by name: String, among names: [String]) -> String? {
        guard (2...longest).contains(name.utf8.count) else { return nil }
        return NearestName.of(name.lowercased(), among: names) { max(1, min(mostDifferent, $0.utf8.count / 3)) }
    }
}
