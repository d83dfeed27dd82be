// What an attempt leaves for the next one: where the bytes are, how many are safe, and of which version they are.

/// The state of a download as the queue keeps it.
struct DownloadCheckpoint: Codable, Equatable, Sendable {
    /// The part file's name.
    var part: String?
    /// How many of its bytes are on disk for certain.
    var offset: Int64 = 0
    /// The SHA-256 of those bytes.
    var sum: String?
    /// Which version of the remote file they belong to.
    var version: RemoteVersion?
    /// The whole file's size, when the server has named it.
    var total: Int64?
    /// How many attempts cost no retry because they brought the file forward.
    var free: Int?
    /// How often it removed its bytes on a full disk in favour of an older download.
    var yielded: Int?
    /// Set when every byte was there and the part was about to take its final name.
    var final: FinalFile?

    /// Whether its sizes can be those of a file: what is stored may be anything.
    var hasPossibleSizes: Bool {
        offset >= 0 && total ?? 0 >= 0 && free ?? 0 >= 0 && yielded ?? 0 >= 0 && final?.size ?? 0 >= 0
    }
}

/// A file that is complete and checked.
struct FinalFile: Codable, Equatable, Sendable {
    var name: String
    var size: Int64
    var sha256: String
}

/// What a server says to tell one version of a file from another.
struct RemoteVersion: Codable, Equatable, Sendable {
    /// The entity tag as sent, quotes and `W/` included.
    var etag: String?
    /// The date of the last change, kept only when it cannot hide a second change within its own second.
    var modified: String?

    /// What `If-Range` may carry: a strong entity tag, else a date; never a weak tag.
    var ifRange: String? {
        if let etag, Self.isStrong(etag) { return etag }
        return modified
    }

    /// Whether an answer that claims to be of this version names another one, by its tag or its date as they were sent.
    func contradicts(etag theirs: String?, modified date: String?) -> Bool {
        if let etag, let theirs, etag != theirs { return true }
        // A strong tag was asked for by If-Range: the answer must repeat it.
        if let etag, Self.isStrong(etag), theirs == nil { return true }
        if let modified, let date, modified != date { return true }
        return false
    }

    private static func isStrong(_ etag: String) -> Bool {
        let bytes = etag.utf8
        let quote = UInt8(ascii: "\"")
        guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return false }
        return bytes.dropFirst().dropLast().allSatisfy { $0 > 0x20 && $0 != quote && $0 != 0x7F }
    }
}
