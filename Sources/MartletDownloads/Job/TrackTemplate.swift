// The template that makes a track's URL from its id.

import MartletJobs

/// A URL with `{track_id}` in place of a track's id, such as `https://media.example/{track_id}.flac?key=…`.
///
/// Its query may contain a secret, so jobs and responses contain only the track's id, not the URL.
///
/// ```swift
/// let tracks = try TrackTemplate("https://media.example.com/tracks/{track_id}")
/// let url = try tracks.url(of: "4711")  // https://media.example.com/tracks/4711
/// ```
public struct TrackTemplate: Sendable, Hashable {
    /// The text around the track's id.
    private let pieces: [String]

    /// Creates a template.
    ///
    /// - Parameters:
    ///   - text: an `http` or `https` URL with `{track_id}` in its path or query.
    ///   - allowPrivateAddresses: whether it may lead to a private, loopback or link-local address.
    /// - Throws: ``DownloadRuleError`` when the text lacks `{track_id}`, has it before the path, or is no URL that
    ///   downloads may use.
    public init(_ text: String, allowPrivateAddresses: Bool = false) throws(DownloadRuleError) {
        pieces = text.split(separator: Self.placeholder, omittingEmptySubsequences: false).map(String.init)
        guard pieces.count > 1 else {
            throw DownloadRuleError(field: Self.field, message: "must contain \(Self.placeholder)")
        }
        do throws(DownloadRuleError) {
            // Two different ids must lead to the same origin, so that no id can choose the host.
            let one = try DownloadURL(expanded("1"), allowPrivateAddresses: allowPrivateAddresses)
            let two = try DownloadURL(expanded("2"), allowPrivateAddresses: allowPrivateAddresses)
            guard one.host == two.host, one.port == two.port else {
                throw DownloadRuleError(
                    field: Self.field, message: "must have \(Self.placeholder) in its path or query")
            }
        } catch {
            throw DownloadRuleError(
                field: Self.field, message: error.message, isAddressRefusal: error.isAddressRefusal)
        }
    }

    /// The URL of a track, its id percent-encoded.
    ///
    /// - Parameter trackID: 1 to 64 bytes without control or format characters, not `.` or `..`.
    /// - Returns: the URL.
    /// - Throws: ``DownloadRuleError`` for any other id.
    public func url(of trackID: String) throws(DownloadRuleError) -> String {
        let isVisible = !trackID.unicodeScalars.contains(where: \.disturbsDisplay)
        guard (1...64).contains(trackID.utf8.count), isVisible, trackID != ".", trackID != ".." else {
            throw DownloadRuleError(
                field: "track_id",
                message: "must be 1 to 64 bytes without control or format characters, and not a dot segment")
        }
        return expanded(trackID)
    }

    private static let field = "source_url"
    private static let placeholder = "{track_id}"

    private func expanded(_ trackID: String) -> String {
        pieces.joined(separator: Percent.encoded(trackID, keeping: Percent.isUnreserved))
    }
}
