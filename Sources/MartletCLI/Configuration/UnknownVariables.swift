// Warns about environment variables that resemble settings; suggests the closest name.

import MartletJobs

/// Finds variables with names like settings that do not exist.
enum UnknownVariables {
    /// The prefixes of setting names.
    static let prefixes = ["REDIS_", "HTTP_", "WORKER_", "DOWNLOAD_", "AUTH_", "AUDIT_", "REDACT_", "LOG_"]
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
        NearestName.of(name, among: known.sorted()) { _ in max(2, name.utf8.count / 3) }
    }
}
