// Validates a download before it is pushed.

import FoundationEssentials
import MartletJobs

/// Turns the fields of a request into a ``DownloadJob``, or reports which field breaks which rule.
///
/// Pure: it resolves no names and touches no files. The worker checks addresses and files again when it runs the job.
///
/// ```swift
/// let tracks = try TrackTemplate("https://media.example.com/tracks/{track_id}")
/// let rules = DownloadRequestRules(tracks: tracks)
/// let job = try rules.job(trackID: "4711", maxBytes: 100 << 20)
/// ```
public struct DownloadRequestRules: Sendable, Hashable {
    /// The lowest speed limit that a request may set, in bytes per second.
    public static let slowestSpeed: Int64 = 1024

    /// Whether private, loopback and link-local addresses are allowed.
    public let allowPrivateAddresses: Bool
    /// Makes the URL of a track; `nil` refuses tracks.
    public let tracks: TrackTemplate?

    /// Creates the rules of a service.
    ///
    /// - Parameters:
    ///   - allowPrivateAddresses: whether private, loopback and link-local addresses are allowed.
    ///   - tracks: makes the URL of a track; `nil` refuses tracks.
    public init(allowPrivateAddresses: Bool = false, tracks: TrackTemplate? = nil) {
        self.allowPrivateAddresses = allowPrivateAddresses
        self.tracks = tracks
    }

    /// Creates the job for a URL.
    ///
    /// - Parameters:
    ///   - url: the absolute `http` or `https` URL.
    ///   - filename: the file's name; `nil` derives a safe one from the URL's path.
    ///   - checksum: `sha256:` and 64 hexadecimal digits; `nil` checks no digest.
    ///   - maxBytes: the largest accepted size in bytes, at least 1.
    ///   - bytesPerSecond: the speed limit, at least ``slowestSpeed``.
    ///   - onConflict: what to do when another file has the name.
    /// - Returns: the validated job.
    /// - Throws: ``DownloadRuleError`` for the first invalid field.
    public func job(
        url: String, filename: String? = nil, checksum: String? = nil, maxBytes: Int64? = nil,
        bytesPerSecond: Int64? = nil, onConflict: NameConflict? = nil
    ) throws(DownloadRuleError) -> DownloadJob {
        let address = try DownloadURL(url, allowPrivateAddresses: allowPrivateAddresses)
        let name = if let filename { try Self.filename(filename) } else { FileNames.derived(from: address) }
        return try Self.checked(
            DownloadJob(
                url: address.text, filename: name, checksum: checksum, maxBytes: maxBytes,
                bytesPerSecond: bytesPerSecond, onConflict: onConflict))
    }

    /// Creates the job for a track.
    ///
    /// The job holds the track's id; the worker makes the URL from its own template.
    ///
    /// - Parameters:
    ///   - trackID: the track's id, 1 to 64 bytes.
    ///   - filename: the file's name; `nil` derives one that contains the id.
    ///   - checksum: `sha256:` and 64 hexadecimal digits; `nil` checks no digest.
    ///   - maxBytes: the largest accepted size in bytes, at least 1.
    ///   - bytesPerSecond: the speed limit, at least ``slowestSpeed``.
    ///   - onConflict: what to do when another file has the name.
    /// - Returns: the validated job.
    /// - Throws: ``DownloadRuleError`` for the first invalid field.
    public func job(
        trackID: String, filename: String? = nil, checksum: String? = nil, maxBytes: Int64? = nil,
        bytesPerSecond: Int64? = nil, onConflict: NameConflict? = nil
    ) throws(DownloadRuleError) -> DownloadJob {
        let address = try DownloadURL(url(of: .track(trackID)), allowPrivateAddresses: allowPrivateAddresses)
        let name =
            if let filename { try Self.filename(filename) } else { FileNames.derived(from: address, track: trackID) }
        return try Self.checked(
            DownloadJob(
                source: .track(trackID), filename: name, checksum: checksum, maxBytes: maxBytes,
                bytesPerSecond: bytesPerSecond, onConflict: onConflict))
    }

    /// Validates and normalises a URL by every rule that needs no network.
    ///
    /// - Parameter text: the URL.
    /// - Returns: the normalised URL.
    /// - Throws: ``DownloadRuleError``.
    public func url(_ text: String) throws(DownloadRuleError) -> String {
        try DownloadURL(text, allowPrivateAddresses: allowPrivateAddresses).text
    }

    /// One spelling for all URLs that are equivalent by RFC 3986.
    ///
    /// Scheme and host are in lower case, the default port and the fragment are omitted, percent-encoding is minimal
    /// and in upper case, and the path has no dot segments.
    ///
    /// - Parameter text: the URL.
    /// - Returns: the canonical spelling.
    /// - Throws: ``DownloadRuleError``.
    public func identity(ofURL text: String) throws(DownloadRuleError) -> String {
        try DownloadURL(text, allowPrivateAddresses: allowPrivateAddresses).identity
    }

    /// The URL of a source: as given, or made from a track's id by the service's template.
    ///
    /// - Parameter source: the URL or track.
    /// - Returns: the URL.
    /// - Throws: ``DownloadRuleError`` for a track without a template or with an invalid id.
    public func url(of source: DownloadSource) throws(DownloadRuleError) -> String {
        switch source {
        case .url(let url): return url
        case .track(let id):
            guard let tracks else {
                throw DownloadRuleError(
                    field: "track_id",
                    message: "cannot be used because download.source_url (DOWNLOAD__SOURCE_URL) is not set; "
                        + "set it to a URL with {track_id} in it, or send a url instead")
            }
            return try tracks.url(of: id)
        }
    }

    /// The URL of a source for display: a track's URL is shown without its query, which may hold a secret of the service.
    ///
    /// - Parameter source: the URL or track.
    /// - Returns: the URL; empty for a track without a template.
    public func shownURL(of source: DownloadSource) -> String {
        guard let url = try? url(of: source) else { return "" }
        guard case .track = source else { return url }
        return String(url.prefix { $0 != "?" && $0 != "#" })
    }

    /// The host that a payload of a ``DownloadJob`` downloads from.
    ///
    /// - Parameter payload: the payload of a download job.
    /// - Returns: the host in lower case; `nil` when the payload cannot be read or no template makes its URL.
    public func host(ofPayload payload: [UInt8]) -> String? {
        guard let job = try? JSONDecoder().decode(DownloadJob.self, from: Data(payload)),
            let url = try? url(of: job.source)
        else { return nil }
        return (try? DownloadURL(url, allowPrivateAddresses: true))?.sharedHost
    }

    /// Whether a text is a UUID: 36 characters, hexadecimal digits with hyphens in the right positions.
    ///
    /// - Parameter text: the text.
    /// - Returns: whether it is a UUID.
    public static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : Hex.digit(byte) != nil
        }
    }

    /// Normalises a checksum to `sha256:` and 64 lower-case hexadecimal digits.
    ///
    /// - Parameter text: the checksum.
    /// - Returns: the normalised checksum.
    /// - Throws: ``DownloadRuleError``.
    public static func checksum(_ text: String) throws(DownloadRuleError) -> String {
        let lower = text.lowercased()
        let digits = lower.dropFirst(7).utf8
        guard lower.hasPrefix("sha256:"), digits.count == 64, digits.allSatisfy({ Hex.digit($0) != nil }) else {
            throw DownloadRuleError(
                field: "checksum", message: "must be \"sha256:\" followed by 64 hexadecimal digits")
        }
        return lower
    }

    /// Adds a number to a file name and keeps its extension: `a (2).flac`.
    ///
    /// - Parameters:
    ///   - filename: the name.
    ///   - number: the number.
    /// - Returns: the new name, at most 90 bytes.
    public static func numbered(_ filename: String, _ number: Int) -> String {
        FileNames.numbered(filename, number)
    }

    /// Validates an external file name.
    ///
    /// - Parameter text: the name.
    /// - Returns: the name, truncated to 90 bytes with its extension.
    /// - Throws: ``DownloadRuleError`` when the name is unsafe.
    public static func filename(_ text: String) throws(DownloadRuleError) -> String { try FileNames.checked(text) }

    private static func checked(_ job: DownloadJob) throws(DownloadRuleError) -> DownloadJob {
        var job = job
        if let checksum = job.checksum { job.checksum = try Self.checksum(checksum) }
        if let maxBytes = job.maxBytes, maxBytes < 1 {
            throw DownloadRuleError(field: "max_bytes", message: "must be at least 1")
        }
        if let speed = job.bytesPerSecond, speed < slowestSpeed {
            throw DownloadRuleError(field: "bytes_per_second", message: "must be at least \(slowestSpeed)")
        }
        return job
    }
}
