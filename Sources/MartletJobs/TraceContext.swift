// Where in a distributed trace a job was pushed, in the form of W3C Trace Context.

/// Where in a distributed trace a job was pushed: `traceparent` and `tracestate` of W3C Trace Context.
///
/// Both are kept with the job and handed on byte for byte.
///
/// ```swift
/// let trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1")
/// let job = NewJob(type: "thumbnail", payload: Array(#"{"image": 7}"#.utf8), trace: trace)
/// ```
public struct TraceContext: Sendable, Hashable {
    /// The most bytes of a `tracestate`.
    public static let stateLimit = 512
    /// The number of bytes of a `traceparent`.
    package static let parentLength = 55
    /// What a `traceparent` looks like, as a regular expression.
    package static let parentPattern =
        "^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$"
    /// The rules for both, phrased to follow their names.
    package static let parentRule =
        "must be a version, a trace id, a parent id and flags in lower-case hexadecimal digits, such as "
        + "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    package static let stateRule = "must have 1 to \(stateLimit) printable ASCII characters"

    /// Both as one text, the state behind a line feed.
    ///
    /// One text, since a job is copied often and most jobs have none.
    package let stored: String

    /// Creates a context from the texts of the two headers.
    ///
    /// - Parameters:
    ///   - traceparent: version, trace id, parent id and flags, 55 characters.
    ///   - tracestate: 1 to 512 printable ASCII characters; `nil` for none.
    /// - Returns: `nil` when one of them is not valid.
    public init?(traceparent: String, tracestate: String? = nil) {
        guard Self.isParent(traceparent) else { return nil }
        guard let tracestate else {
            stored = traceparent
            return
        }
        guard Self.isState(tracestate) else { return nil }
        stored = traceparent + "\n" + tracestate
    }

    /// Creates a context from its stored text; `nil` for any other text.
    package init?(stored: String) {
        let parts = stored.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        self.init(traceparent: parts[0], tracestate: parts.count > 1 ? parts[1] : nil)
    }

    /// Version, trace id, parent id and flags.
    public var traceparent: String { String(stored.prefix(Self.parentLength)) }
    /// What the tracing systems on the way have added; `nil` for nothing.
    public var tracestate: String? {
        stored.utf8.count > Self.parentLength ? String(stored.dropFirst(Self.parentLength + 1)) : nil
    }
    /// The id of the trace, 32 hexadecimal digits.
    public var traceID: String { String(stored.dropFirst(3).prefix(32)) }
}

extension TraceContext {
    /// Whether a text is a `traceparent`; a longer one of a later version is not understood.
    package static func isParent(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == parentLength else { return false }
        for (index, byte) in bytes.enumerated() {
            let isDash = index == 2 || index == 35 || index == 52
            guard isDash ? byte == UInt8(ascii: "-") : isDigit(byte) else { return false }
        }
        let isZero = { (range: Range<Int>) in bytes[range].allSatisfy { $0 == UInt8(ascii: "0") } }
        return !text.hasPrefix("ff") && !isZero(3..<35) && !isZero(36..<52)
    }

    /// Whether a text is a `tracestate`.
    package static func isState(_ text: String) -> Bool {
        (1...stateLimit).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
