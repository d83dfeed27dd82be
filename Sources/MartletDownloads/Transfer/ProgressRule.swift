// Decides which failed attempts use up no retry because they made progress.

/// A server that drops every connection still delivers its file in pieces over many attempts.
///
/// A budget limits this, so that a server cannot keep a download alive indefinitely.
enum ProgressRule {
    /// The most attempts of one download that use up no retry.
    static let budget = 1000

    /// Whether an attempt that failed with `code` after `bytes` new bytes uses up no retry, given `used` earlier ones.
    static func isFree(_ code: DownloadError.Code, bytes: Int64, used: Int) -> Bool {
        guard used < budget, let least = least(for: code) else { return false }
        return bytes >= least
    }

    /// The number of new bytes that excuses a failure; `nil` when none does.
    private static func least(for code: DownloadError.Code) -> Int64? {
        switch code {
        case .connectionLost, .incomplete, .tlsFailed: 16 << 10
        // A stall occupies a slot, so it takes more to excuse it.
        case .stalled: 16 << 20
        default: nil
        }
    }
}
