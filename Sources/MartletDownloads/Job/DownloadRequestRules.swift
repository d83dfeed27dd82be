// Everything that is checked of a download before it is pushed.

/// Turns the fields of a request into a ``DownloadJob``, or says which field breaks which rule.
///
/// Pure: no name is looked up and no file is touched. The worker checks addresses and files again when it runs the
/// job.
public struct DownloadRequestRules: Sendable, Hashable {
    /// The slowest speed limit that a request may set, in bytes a second.
    public static let slowestSpeed: Int64 = 1024

    /// Whether private, loopback and link-local addresses may be downloaded from.
    public let allowPrivateAddresses: Bool
    /// The URL of a track, with `{track_id}` where its id stands; `nil` when tracks are refused.
    public let sourceURL: String?
    /// What stands around the track's id in ``sourceURL``.
    private let pieces: [String]

    /// Rules of a service.
    ///
    /// Throws when the template lacks `{track_id}`, has it before the path, or is no URL that downloads may use.
    public init(allowPrivateAddresses: Bool = false, sourceURL: String? = nil) throws(DownloadRuleError) {
        self.allowPrivateAddresses = allowPrivateAddresses
        self.sourceURL = sourceURL
        pieces = sourceURL.map(Self.pieces) ?? []
        guard let sourceURL else { return }
        try Self.checkTemplate(sourceURL, allowPrivateAddresses: allowPrivateAddresses)
    }

    /// The job of a download from `url`.
    ///
    /// Without `filename` the name is taken from the URL's path and made safe.
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

    /// The job of a track, whose URL comes from the service's template.
    ///
    /// Without `filename` the name contains the track's id.
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

    /// A URL in its normal form, once it has passed every rule that needs no network.
    public func url(_ text: String) throws(DownloadRuleError) -> String {
        try DownloadURL(text, allowPrivateAddresses: allowPrivateAddresses).text
    }

    /// One spelling for all URLs that RFC 3986 takes for equivalent without asking their server.
    ///
    /// Scheme and host are in lower case, the default port and the fragment are left out, percent-encoding is in upper
    /// case and only where it is needed, and the path has no dot segments.
    public func identity(ofURL text: String) throws(DownloadRuleError) -> String {
        try DownloadURL(text, allowPrivateAddresses: allowPrivateAddresses).identity
    }

    /// The URL of a track by the service's template, its id percent-encoded.
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

    /// A track's id: 1 to 64 bytes without control characters, not `.` nor `..`.
    public static func checkTrackID(_ trackID: String) throws(DownloadRuleError) {
        let isControl = trackID.utf8.contains { $0 < 0x20 || $0 == 0x7F }
        guard (1...64).contains(trackID.utf8.count), !isControl, trackID != ".", trackID != ".." else {
            throw DownloadRuleError(
                field: "track_id", message: "must be 1 to 64 bytes without control characters, and not a dot segment")
        }
    }

    /// Whether a text is a UUID: 36 characters, hexadecimal digits and hyphens in their places.
    public static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : Hex.digit(byte) != nil
        }
    }

    /// A checksum in its normal form, `sha256:` and 64 lower-case hexadecimal digits.
    public static func checksum(_ text: String) throws(DownloadRuleError) -> String {
        let lower = text.lowercased()
        let digits = lower.dropFirst(7).utf8
        guard lower.hasPrefix("sha256:"), digits.count == 64, digits.allSatisfy({ Hex.digit($0) != nil }) else {
            throw DownloadRuleError(
                field: "checksum", message: "must be \"sha256:\" followed by 64 hexadecimal digits")
        }
        return lower
    }

    /// A name with a number behind it and its extension kept: `a (2).flac`; at most 90 bytes.
    public static func numbered(_ filename: String, _ number: Int) -> String {
        FileNames.numbered(filename, number)
    }

    /// A file name from outside, cut to 90 bytes with its extension kept; refused when it could harm.
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
            // Two ids that share nothing must lead to the same origin, so no id can choose the host.
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
