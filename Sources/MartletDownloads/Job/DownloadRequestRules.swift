// Validates a download before it is pushed.

import MartletJobs

/// Turns the fields of a request into a ``DownloadJob``, or reports which field breaks which rule.
///
/// Pure: it resolves no names and touches no files. The worker checks addresses and files again when it runs the job.
///
/// ```swift
/// let rules = try DownloadRequestRules(sourceURL: "https://media.example.com/tracks/{track_id}")
/// let job = try rules.job(trackID: "4711", maxBytes: 100 << 20)
/// ```
public struct DownloadRequestRules: Sendable, Hashable {
    /// The lowest speed limit that a request may set, in bytes per second.
    public static let slowestSpeed: Int64 = 1024

    /// Whether private, loopback and link-local addresses are allowed.
    public let allowPrivateAddresses: Bool
    /// The URL template of tracks, with `{track_id}` for the id; `nil` refuses tracks.
    public let sourceURL: String?
    /// The parts of ``sourceURL`` around the id.
    private let pieces: [String]

    /// Creates the rules of a service.
    ///
    /// - Parameters:
    ///   - allowPrivateAddresses: whether private, loopback and link-local addresses are allowed.
    ///   - sourceURL: the URL template of tracks, with `{track_id}` in its path or query; `nil` refuses tracks.
    /// - Throws: ``DownloadRuleError`` when the template lacks `{track_id}`, has it before the path, or is not an
    ///   allowed URL.
    public init(allowPrivateAddresses: Bool = false, sourceURL: String? = nil) throws(DownloadRuleError) {
        self.allowPrivateAddresses = allowPrivateAddresses
        self.sourceURL = sourceURL
        pieces = sourceURL.map(Self.pieces) ?? []
        guard let sourceURL else { return }
        try Self.checkTemplate(sourceURL, allowPrivateAddresses: allowPrivateAddresses)
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

    /// Creates the job for a track, with a URL from the service's template.
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
        let address = try DownloadURL(url(forTrack: trackID), allowPrivateAddresses: allowPrivateAddresses)
        let name =
            if let filename { try Self.filename(filename) } else { FileNames.derived(from: address, track: trackID) }
        return try Self.checked(
            DownloadJob(
                url: address.text, filename: name, trackID: trackID, checksum: checksum, maxBytes: maxBytes,
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

    /// The URL of a track by the service's template, with its id percent-encoded.
    ///
    /// - Parameter trackID: the track's id.
    /// - Returns: the URL.
    /// - Throws: ``DownloadRuleError`` without a template or for an invalid id.
    public func url(forTrack trackID: String) throws(DownloadRuleError) -> String {
        guard sourceURL != nil else {
            throw DownloadRuleError(
                field: "track_id",
                message: "cannot be used because download.source_url (DOWNLOAD__SOURCE_URL) is not set; "
                    + "set it to a URL with {track_id} in it, or send a url instead")
        }
        try Self.checkTrackID(trackID)
        return Self.expand(pieces, trackID: trackID)
    }

    /// Validates a track's id: 1 to 64 bytes without control or format characters, not `.` or `..`.
    ///
    /// - Parameter trackID: the id.
    /// - Throws: ``DownloadRuleError``.
    public static func checkTrackID(_ trackID: String) throws(DownloadRuleError) {
        let isVisible = !trackID.unicodeScalars.contains(where: \.disturbsDisplay)
        guard (1...64).contains(trackID.utf8.count), isVisible, trackID != ".", trackID != ".." else {
            throw DownloadRuleError(
                field: "track_id",
                message: "must be 1 to 64 bytes without control or format characters, and not a dot segment")
        }
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

    private static func checkTemplate(_ template: String, allowPrivateAddresses: Bool) throws(DownloadRuleError) {
        let field = "source_url"
        let template = pieces(template)
        guard template.count > 1 else {
            throw DownloadRuleError(field: field, message: "must contain {track_id}")
        }
        do throws(DownloadRuleError) {
            // Two unrelated ids must lead to the same origin, so that no id can choose the host.
            let one = try DownloadURL(
                expand(template, trackID: "1"), allowPrivateAddresses: allowPrivateAddresses)
            let two = try DownloadURL(
                expand(template, trackID: "2"), allowPrivateAddresses: allowPrivateAddresses)
            guard one.host == two.host, one.port == two.port else {
                throw DownloadRuleError(field: field, message: "must have {track_id} in its path or query")
            }
        } catch {
            throw DownloadRuleError(
                field: field, message: error.message, isAddressRefusal: error.isAddressRefusal)
        }
    }

    private static let placeholder = "{track_id}"

    private static func pieces(_ template: String) -> [String] {
        template.split(separator: placeholder, omittingEmptySubsequences: false).map(String.init)
    }

    private static func expand(_ pieces: [String], trackID: String) -> String {
        pieces.joined(separator: Percent.encoded(trackID, keeping: Percent.isUnreserved))
    }
}
