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
        if Self.differ(etag, theirs) || Self.differ(modified, date) { return true }
        // Some servers ignore If-Range, so the response must repeat what the request named there.
        if let etag, Self.isStrong(etag) { return theirs == nil }
        return modified != nil && date == nil
    }

    /// Whether a response without a body names another version; it need not name any.
    func differs(from head: ResponseHead) -> Bool {
        Self.differ(etag, head.etag) || Self.differ(modified, head.lastModified)
    }

    /// Whether a response has the same strong entity tag, so that the file must have the same bytes.
    func isSame(as theirs: String?) -> Bool {
        guard let etag, theirs != nil else { return false }
        return !Self.differ(etag, theirs) && Self.isStrong(etag)
    }

    /// Whether both are there and their bytes differ; texts of different bytes can be equal in Swift.
    private static func differ(_ known: String?, _ theirs: String?) -> Bool {
        guard let known, let theirs else { return false }
        return !known.utf8.elementsEqual(theirs.utf8)
    }

    private static func isStrong(_ etag: String) -> Bool {
        let bytes = etag.utf8
        let quote = UInt8(ascii: "\"")
        guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return false }
        return bytes.dropFirst().dropLast().allSatisfy { $0 > 0x20 && $0 != quote && $0 != 0x7F }
    }
}
