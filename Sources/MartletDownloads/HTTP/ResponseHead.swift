// The facts of an answer's head that decide what becomes of its body.

import NIOHTTP1

/// What a header says that may have one value.
enum HeaderValue<Value: Equatable & Sendable>: Equatable, Sendable {
    case nothing
    /// It cannot be read, or stands there twice with different values.
    case nonsense
    case value(Value)
}

/// Why an answer's headers do not fit each other or what is known.
struct HeaderMismatch: Error, Equatable {
    var why: String
}

struct ResponseHead: Sendable {
    var status: Int
    var headers: HTTPHeaders
    /// When the head arrived, in seconds since 1970.
    var receivedAt: Int64

    /// The one value of a header, without the blanks around it; `nil` also when it has several that differ.
    private func text(_ name: String) -> String? {
        let values = headers[name].map(Self.trimmed)
        guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
        return String(first)
    }

    /// Whether the parser reads a value of `Transfer-Encoding` as chunked: no tab, comma or other word stands beside it.
    private static func isChunked(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 != UInt8(ascii: "\t") } && trimmed(value).lowercased() == "chunked"
    }

    /// Blanks and tabs around a value do not belong to it.
    private static func trimmed(_ value: String) -> Substring {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        var text = value.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }

    var contentLength: HeaderValue<Int64> {
        // Chunks say themselves where they end.
        guard headers.contains(name: "content-length"), !headers.contains(name: "transfer-encoding") else {
            return .nothing
        }
        return text("content-length").flatMap(Digits.number).map(HeaderValue.value) ?? .nonsense
    }

    var contentRange: HeaderValue<ContentRange> {
        guard headers.contains(name: "content-range") else { return .nothing }
        return text("content-range").flatMap(ContentRange.init).map(HeaderValue.value) ?? .nonsense
    }

    var etag: String? { text("etag") }

    var lastModified: String? { text("last-modified") }

    /// The one place that a redirect names; `nil` also when it names several.
    var location: String? { text("location") }
    var hasLocation: Bool { headers.contains(name: "location") }

    /// The version of the file in this answer.
    var version: RemoteVersion {
        RemoteVersion(etag: etag, modified: safeModificationDate)
    }

    /// `Last-Modified`, when a later change must show another date: the answer is at least a second younger.
    ///
    /// Without the server's own clock a minute is asked for, because the two clocks may differ.
    private var safeModificationDate: String? {
        guard let text = lastModified, let modified = HTTPDate.seconds(text) else { return nil }
        if let date = date { return date > modified ? text : nil }
        return receivedAt >= modified + 60 ? text : nil
    }

    private var date: Int64? { text("date").flatMap(HTTPDate.seconds) }

    /// How long the server asks to wait, at most an hour.
    var retryAfter: Duration? {
        guard let text = text("retry-after") else { return nil }
        let longest: Int64 = 3600
        if !text.isEmpty, text.utf8.allSatisfy(Digits.isDigit) {
            return .seconds(min(Int64(text) ?? longest, longest))
        }
        guard let due = HTTPDate.seconds(text) else { return nil }
        // The server's own clock, when it shows it, so that a difference between clocks does not count.
        return .seconds(min(max(due - (date ?? receivedAt), 0), longest))
    }

    /// A coding of the body other than none; `nil` when the body is the file itself.
    var foreignCoding: String? {
        for value in headers[canonicalForm: "content-encoding"] where !value.isEmpty {
            if value.lowercased() != "identity" { return String(value) }
        }
        for value in headers[canonicalForm: "transfer-encoding"] where !["", "chunked"].contains(value.lowercased()) {
            return String(value)
        }
        return nil
    }
}

extension ResponseHead {
    /// The body's length where the head names it.
    func plainLength() throws(HeaderMismatch) -> Int64? {
        switch contentLength {
        case .nothing: nil
        case .nonsense: throw HeaderMismatch(why: "its Content-Length cannot be read")
        case .value(let length): length
        }
    }

    /// The size of a file that this answer holds as a whole; `nil` when the head does not name it.
    ///
    /// Throws when a header says that the body is not the whole file.
    func wholeSize() throws(HeaderMismatch) -> Int64? {
        try checkIsOnePiece()
        let length = try plainLength()
        switch contentRange {
        case .nothing: return length
        case .nonsense: throw HeaderMismatch(why: "its Content-Range cannot be read")
        case .value(let range):
            guard let bytes = range.bytes, let total = range.total, bytes == 0...(total - 1) else {
                throw HeaderMismatch(why: "its Content-Range does not cover the whole file")
            }
            guard length == nil || length == total else {
                throw HeaderMismatch(why: "its Content-Length does not fit its Content-Range")
            }
            return total
        }
    }

    /// Throws when the body's bytes are not just those of the file: several ranges have text between them, and the parser
    /// takes chunks apart only where the header has this one word.
    func checkIsOnePiece() throws(HeaderMismatch) {
        let codings = headers["transfer-encoding"]
        guard codings.isEmpty || codings.count == 1 && Self.isChunked(codings[0]) else {
            throw HeaderMismatch(why: "its Transfer-Encoding cannot be read")
        }
        let isMultipart = headers["content-type"].contains {
            Self.trimmed($0).lowercased().hasPrefix("multipart/byteranges")
        }
        if isMultipart { throw HeaderMismatch(why: "it comes in several parts") }
    }
}

/// The value of `Content-Range`: which bytes an answer holds, or how many there are.
struct ContentRange: Equatable {
    /// First and last byte; `nil` in a 416.
    var bytes: ClosedRange<Int64>?
    /// The whole size, when it is named.
    var total: Int64?

    /// Reads `bytes 0-499/1234`, `bytes 0-499/*` or `bytes */1234`.
    init?(_ text: String) {
        let words = text.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[1] != "*" {
            guard let total = Digits.number(parts[1]) else { return nil }
            self.total = total
        }
        guard parts[0] != "*" else { return }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Digits.number(ends[0]), let last = Digits.number(ends[1]), first <= last
        else { return nil }
        if let total, last >= total { return nil }
        // No file has a byte of that number: one more, and nobody could count on.
        guard last < .max else { return nil }
        bytes = first...last
    }
}

/// Numbers of headers: digits alone, without a sign.
enum Digits {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The number; `nil` also when it is too large.
    static func number(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy(isDigit) else { return nil }
        return Int64(text)
    }
}
