// The version of the program.

/// The version of the program.
enum Version {
    /// The semantic version.
    static let current = "0.1.0"
}
