// The checkpoint that an attempt leaves for the next one: the part file, its synced bytes, and their version.

/// The state of a download as the queue stores it.
struct DownloadCheckpoint: Codable, Equatable, Sendable {
    /// The part file's name.
    var part: String?
    /// The number of bytes known to be on disk.
    var offset: Int64 = 0
    /// The SHA-256 of those bytes.
    var sum: String?
    /// The version of the remote file that they belong to.
    var version: RemoteVersion?
    /// The size of the whole file, if the server stated it.
    var total: Int64?
    /// The number of attempts that used up no retry because they made progress.
    var free: Int?
    /// How often it removed its bytes on a full disk in favour of an older download.
    var yielded: Int?
    /// Set when all bytes were there and the part was about to get its final name.
    var final: FinalFile?

    /// Whether the sizes are possible; stored data may be anything.
    var hasPossibleSizes: Bool {
        offset >= 0 && total ?? 0 >= 0 && free ?? 0 >= 0 && yielded ?? 0 >= 0 && final?.size ?? 0 >= 0
    }
}

/// A complete and verified file.
struct FinalFile: Codable, Equatable, Sendable {
    var name: String
    var size: Int64
    var sha256: String
}

/// The validators by which a server distinguishes versions of a file.
struct RemoteVersion: Codable, Equatable, Sendable {
    /// The entity tag as sent, quotes and `W/` included.
    var etag: String?
    /// The modification date; kept only when no second change within the same second is possible.
    var modified: String?

    /// The value for `If-Range`: a strong entity tag, else a date; never a weak tag.
    var ifRange: String? {
        if let etag, Self.isStrong(etag) { return etag }
        return modified
    }

    /// Whether a response that claims this version names another one by its tag or date.
    func contradicts(etag theirs: String?, modified date: String?) -> Bool {
        if let etag, let theirs, etag != theirs { return true }
        // If-Range asked for a strong tag, so the response must repeat it.
        if let etag, Self.isStrong(etag), theirs == nil { return true }
        if let modified, let date, modified != date { return true }
        return false
    }

    /// Whether a response has the same strong entity tag, so that the file must have the same bytes.
    func isSame(as theirs: String?) -> Bool {
        guard let etag, let theirs else { return false }
        return etag == theirs && Self.isStrong(etag)
    }

    private static func isStrong(_ etag: String) -> Bool {
        let bytes = etag.utf8
        let quote = UInt8(ascii: "\"")
        guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return false }
        return bytes.dropFirst().dropLast().allSatisfy { $0 > 0x20 && $0 != quote && $0 != 0x7F }
    }
}
