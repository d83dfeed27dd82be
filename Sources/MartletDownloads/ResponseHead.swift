// The facts of an answer's head that decide what becomes of its body.

import NIOHTTP1

struct ResponseHead: Sendable {
    var status: Int
    var headers: HTTPHeaders
    /// When the head arrived, in seconds since 1970.
    var receivedAt: Int64

    var contentLength: Int64? {
        guard let text = headers.first(name: "content-length"), let length = Int64(text), length >= 0 else {
            return nil
        }
        return length
    }

    var etag: String? { headers.first(name: "etag") }

    var location: String? { headers.first(name: "location") }

    var contentRange: ContentRange? { headers.first(name: "content-range").flatMap(ContentRange.init) }

    /// The version of the file in this answer.
    var version: RemoteVersion {
        RemoteVersion(etag: etag, modified: safeModificationDate)
    }

    /// `Last-Modified`, when a later change must show another date: the answer is at least a second younger.
    ///
    /// Without the server's own clock a minute is asked for, because the two clocks may differ.
    private var safeModificationDate: String? {
        guard let text = headers.first(name: "last-modified"), let modified = HTTPDate.seconds(text) else { return nil }
        if let date = headers.first(name: "date").flatMap(HTTPDate.seconds) { return date > modified ? text : nil }
        return receivedAt >= modified + 60 ? text : nil
    }

    /// How long the server asks to wait, at most an hour.
    var retryAfter: Duration? {
        guard let text = headers.first(name: "retry-after") else { return nil }
        let longest: Int64 = 3600
        if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), !text.isEmpty {
            return .seconds(min(Int64(text) ?? longest, longest))
        }
        guard let due = HTTPDate.seconds(text) else { return nil }
        // The server's own clock, when it shows it, so that a difference between clocks does not count.
        let now = headers.first(name: "date").flatMap(HTTPDate.seconds) ?? receivedAt
        return .seconds(min(max(due - now, 0), longest))
    }

    /// A coding of the body other than none; `nil` when the body is the file itself.
    var foreignCoding: String? {
        for value in headers[canonicalForm: "content-encoding"] where !value.isEmpty {
            if value.lowercased() != "identity" { return String(value) }
        }
        for value in headers[canonicalForm: "transfer-encoding"] where value.lowercased() != "chunked" {
            return String(value)
        }
        return nil
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
            guard let total = Self.number(parts[1]) else { return nil }
            self.total = total
        }
        guard parts[0] != "*" else { return }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last else {
            return nil
        }
        if let total, last >= total { return nil }
        // No file has a byte of that number: one more, and nobody could count on.
        guard last < .max else { return nil }
        bytes = first...last
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }
}
