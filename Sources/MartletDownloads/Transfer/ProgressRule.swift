// Which failed attempts cost no retry because they brought the file forward.

/// A server that breaks every connection still gives up its file piece by piece, as long as somebody asks again.
///
/// A budget bounds it: an origin must not be able to keep a download alive for ever.
enum ProgressRule {
    /// How many attempts of one download may be free of charge.
    static let budget = 1000

    /// Whether an attempt that ended with `code` after `bytes` new ones is free, when `used` were so before.
    static func isFree(_ code: DownloadError.Code, bytes: Int64, used: Int) -> Bool {
        guard used < budget, let least = least(for: code) else { return false }
        return bytes >= least
    }

    /// How many new bytes excuse a failure; `nil` where none do.
    private static func least(for code: DownloadError.Code) -> Int64? {
        switch code {
        case .connectionLost, .incomplete: 16 << 10
        // A silence costs the time of a slot, so it takes more to excuse it.
        case .stalled: 16 << 20
        default: nil
        }
    }
}
