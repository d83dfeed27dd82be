// The fields of a response head that decide what to do with the body.

import NIOHTTP1

/// The value of a header that may occur once.
enum HeaderValue<Value: Equatable & Sendable>: Equatable, Sendable {
    case nothing
    /// Unparsable, or repeated with different values.
    case nonsense
    case value(Value)
}

/// Why the headers of a response contradict each other or what is known.
struct HeaderMismatch: Error, Equatable {
    var why: String
}

struct ResponseHead: Sendable {
    var status: Int
    var headers: HTTPHeaders
    /// When the head arrived, in seconds since 1970.
    var receivedAt: Int64

    /// The single value of a header without surrounding whitespace; `nil` when values differ or are not UTF-8.
    ///
    /// Bytes that are not UTF-8 arrive as U+FFFD, so two different values can look the same.
    private func text(_ name: String) -> String? {
        let values = headers[name].map(Self.trimmed)
        guard let first = values.first, values.allSatisfy({ $0.utf8.elementsEqual(first.utf8) }),
            !first.unicodeScalars.contains("\u{FFFD}")
        else { return nil }
        return String(first)
    }

    /// Whether the parser decodes a value of `Transfer-Encoding` as chunked: it has no tab, comma or other word.
    private static func isChunked(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 != UInt8(ascii: "\t") } && trimmed(value).lowercased() == "chunked"
    }

    /// Removes surrounding spaces and tabs.
    private static func trimmed(_ value: String) -> Substring {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        var text = value.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }

    var contentLength: HeaderValue<Int64> {
        // Chunked bodies mark their own end.
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

    /// The location of a redirect; `nil` without one and with several.
    var location: String? { text("location") }
    var hasLocation: Bool { headers.contains(name: "location") }

    /// The version of the file in this response.
    var version: RemoteVersion {
        RemoteVersion(etag: etag, modified: safeModificationDate)
    }

    /// `Last-Modified`, if a later change must show another date: the response is at least a second younger.
    ///
    /// Without the server's clock, a minute is required, since the clocks may differ.
    private var safeModificationDate: String? {
        guard let text = lastModified, let modified = HTTPDate.seconds(text) else { return nil }
        if let date = date { return date > modified ? text : nil }
        return receivedAt >= modified + 60 ? text : nil
    }

    private var date: Int64? { text("date").flatMap(HTTPDate.seconds) }

    /// The requested delay, at most an hour.
    var retryAfter: Duration? {
        guard let text = text("retry-after") else { return nil }
        let longest: Int64 = 3600
        if !text.isEmpty, text.utf8.allSatisfy(Digits.isDigit) {
            return .seconds(min(Int64(text) ?? longest, longest))
        }
        guard let due = HTTPDate.seconds(text) else { return nil }
        // Uses the server's clock if stated, so that clock differences do not matter.
        return .seconds(min(max(due - (date ?? receivedAt), 0), longest))
    }

    /// A content coding other than identity; `nil` when the body is the file itself.
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
    /// The body's length, if the head states it.
    func plainLength() throws(HeaderMismatch) -> Int64? {
        switch contentLength {
        case .nothing: nil
        case .nonsense: throw HeaderMismatch(why: "its Content-Length cannot be read")
        case .value(let length): length
        }
    }

    /// The size of a complete file in this response; `nil` when the head does not state it.
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

    /// Throws when the body has more than the bytes of the file: several ranges have text between them, and the parser
    /// decodes chunks only if the header has exactly this value.
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

/// A `Content-Range` value: the bytes of a response, or the size of the file.
struct ContentRange: Equatable {
    /// The first and last byte; `nil` in a 416.
    var bytes: ClosedRange<Int64>?
    /// The total size, if stated.
    var total: Int64?

    /// Parses `bytes 0-499/1234`, `bytes 0-499/*` or `bytes */1234`.
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
        // The number after it would overflow; no file has such a byte.
        guard last < .max else { return nil }
        bytes = first...last
    }
}

/// Numbers in headers: digits only, without a sign.
enum Digits {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The number; `nil` also on overflow.
    static func number(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy(isDigit) else { return nil }
        return Int64(text)
    }
}
