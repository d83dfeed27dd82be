// The origin server's responses: a pure function of the request, the file and the planned fault.

import NIOHTTP1

/// A planned fault.
enum OriginFault: Sendable, Equatable {
    case none
    /// 503 with `Retry-After` in seconds.
    case unavailable(retryAfter: Int)
    /// The connection is dropped after this many bytes of the response.
    case drop(afterBytes: Int)
    /// Nothing more is sent after this many bytes of the response, and the connection stays open.
    case stall(afterBytes: Int)
}

/// The response to a request.
enum OriginPlan: Equatable {
    /// Without a body.
    case refuse(HTTPResponseStatus, [String: String])
    /// A part of the file, or all of it.
    case send(status: HTTPResponseStatus, range: Range<Int>, headers: [String: String])

    /// The response to a request for `file`; `range` and `ifRange` are the headers' values.
    init(file: OriginFile?, range: String?, ifRange: String?, fault: OriginFault) {
        guard let file else {
            self = .refuse(.notFound, [:])
            return
        }
        if case .unavailable(let seconds) = fault {
            self = .refuse(.serviceUnavailable, ["retry-after": String(seconds)])
            return
        }
        let headers = ["etag": file.etag, "accept-ranges": "bytes", "content-type": "application/octet-stream"]
        let isSame = ifRange == nil || ifRange == file.etag
        guard isSame, let range, let asked = Self.bounds(range, size: file.size) else {
            self = .send(status: .ok, range: 0..<file.size, headers: headers)
            return
        }
        guard asked.lowerBound < file.size else {
            self = .refuse(.rangeNotSatisfiable, ["content-range": "bytes */\(file.size)", "etag": file.etag])
            return
        }
        let last = asked.upperBound - 1
        let part = ["content-range": "bytes \(asked.lowerBound)-\(last)/\(file.size)"]
        self = .send(status: .partialContent, range: asked, headers: headers.merging(part) { $1 })
    }

    /// The bytes requested by a header such as `bytes=100-` or `bytes=100-199`.
    ///
    /// An empty range at the end of the file means one that begins after it; `nil` is a header to ignore.
    static func bounds(_ header: String, size: Int) -> Range<Int>? {
        guard header.hasPrefix("bytes=") else { return nil }
        let ends = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int(ends[0]), first >= 0 else { return nil }
        guard first < size else { return size..<size }
        if ends[1].isEmpty { return first..<size }
        guard let last = Int(ends[1]), last >= first else { return nil }
        return first..<min(last + 1, size)
    }
}
