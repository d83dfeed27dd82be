// Why a download failed: a stable code, words for people, and what that means for the next attempt.

public import MartletJobs

/// Why an attempt to download failed.
public struct DownloadError: RetryAdvising, Sendable, CustomStringConvertible {
    /// The kinds of failure; the words are stable and may be matched by programs.
    public enum Code: String, Sendable, CaseIterable {
        /// The job's own fields cannot be used.
        case badRequest = "bad_request"
        /// The URL or a redirect leads to an address that may not be reached.
        case addressRefused = "address_refused"
        /// The host's name has no address.
        case resolveFailed = "resolve_failed"
        /// No connection to the server.
        case connectFailed = "connect_failed"
        /// The server's certificate or its TLS is not acceptable.
        case tlsFailed = "tls_failed"
        /// The connection broke while the file was on its way.
        case connectionLost = "connection_lost"
        /// The server sent nothing for too long.
        case stalled
        /// The server sent less than the lowest speed, or not all of the file within the deadline for its size.
        case tooSlow = "too_slow"
        /// Other downloads of the same host have its share of the slots, and those of other hosts wait.
        case hostBusy = "host_busy"
        /// The body ended before the length that the server had named.
        case incomplete
        /// The server answered something that is not the file: a status or header that does not fit.
        case badResponse = "bad_response"
        /// The body is compressed though that was not asked for.
        case badEncoding = "bad_encoding"
        /// 404 or 410.
        case notFound = "not_found"
        /// 401, 403 or another answer of 4xx that another attempt cannot change.
        case forbidden
        /// 429.
        case rateLimited = "rate_limited"
        /// 408, 425 or 5xx.
        case serverError = "server_error"
        /// More redirects than are followed.
        case tooManyRedirects = "too_many_redirects"
        /// Larger than the job or the worker accepts.
        case tooLarge = "too_large"
        /// The file's SHA-256 is not the one that was asked for.
        case checksumMismatch = "checksum_mismatch"
        /// Another file of that name stands in the directory.
        case fileExists = "file_exists"
        /// The disk or the quota is full.
        case diskFull = "disk_full"
        /// The file could not be read or written for another reason.
        case storageFailed = "storage_failed"
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, without secrets of the URL.
    public let message: String
    /// What to do with the job.
    public let retryAdvice: RetryAdvice
    /// What only the log may say: inner addresses, words of libraries.
    var detail: String?
    /// Whether the bytes that are here cannot be trusted or used, so that no attempt may go on from them.
    var spoilsPart = false

    /// A failure of a kind, with words for people; control characters in them are made visible.
    public init(_ code: Code, _ message: String, advice: RetryAdvice) {
        self.code = code
        self.message = PlainText.cleaned(message)
        retryAdvice = advice
    }

    /// The code and the words, as the job's error shows them.
    public var description: String { "\(code.rawValue): \(message)" }
}

extension DownloadError: Hashable {
    /// Whether two failures say the same.
    public static func == (one: DownloadError, other: DownloadError) -> Bool {
        one.code == other.code && one.message == other.message && one.retryAdvice == other.retryAdvice
    }

    /// Feeds the code and the words.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(message)
    }
}

extension DownloadError {
    static func transient(_ code: Code, _ message: String, detail: String? = nil) -> DownloadError {
        var error = DownloadError(code, message, advice: .byPolicy)
        error.detail = detail.map(PlainText.cleaned)
        return error
    }

    static func permanent(_ code: Code, _ message: String) -> DownloadError {
        DownloadError(code, message, advice: .never)
    }

    /// The same failure, after which the bytes that are here are thrown away.
    var spoilingPart: DownloadError {
        var error = self
        error.spoilsPart = true
        return error
    }

    /// The same failure with other advice.
    func advising(_ advice: RetryAdvice) -> DownloadError {
        var error = DownloadError(code, message, advice: advice)
        (error.detail, error.spoilsPart) = (detail, spoilsPart)
        return error
    }

    static func tooLarge(limit: Int64) -> DownloadError {
        permanent(.tooLarge, "the file is larger than the limit of \(limit) bytes")
    }

    /// A name that cannot be used.
    ///
    /// Callers must not learn whether a name of an inner network exists, so a name that is unknown and one that leads to
    /// an address which may not be reached look the same, also in how they are retried. The log has the reason.
    static func unusable(_ host: String, detail: String) -> DownloadError {
        transient(
            .resolveFailed, "the name \(host) could not be resolved to an address that may be reached", detail: detail)
    }

    /// There is no room for the rest of a file.
    static func noRoom(needed: Int64, free: Int64) -> DownloadError {
        DownloadError(
            .diskFull,
            "the download directory has no room for this file: \(needed) bytes are needed and \(free) are free; "
                + "trying again in \(diskFullWait.components.seconds) s",
            advice: .release(after: diskFullWait))
    }

    /// No space is left, and an older download has bytes in the same directory.
    ///
    /// Each time it waits twice as long, up to an hour. So the older download gets a growing time without it, even when
    /// both begin from zero with each attempt.
    ///
    /// - Parameter before: how often this download has yielded already.
    static func yielding(before: Int) -> DownloadError {
        let wait = min(diskFullWait * (2 << min(before, 16)), .seconds(3600))
        return DownloadError(
            .diskFull,
            "no space is left in the download directory; an older download goes first, and this one begins again in "
                + "\(wait.components.seconds) s",
            advice: .release(after: wait))
    }

    /// A body that goes on behind its announced end: none of it can be trusted.
    static func tooLong(end: Int64) -> DownloadError {
        transient(.badResponse, "the server sent more than the \(end) bytes that it had announced").spoilingPart
    }

    static func fileExists(_ name: String) -> DownloadError {
        permanent(
            .fileExists, "another file named \(name) exists in the download directory; retry with another filename")
    }

    static func nameUnderWay(_ name: String) -> DownloadError {
        permanent(.fileExists, "another download of a file named \(name) is under way; retry with another filename")
    }

    static func stalled(after wait: Duration, _ what: String) -> DownloadError {
        transient(.stalled, "the server sent \(what) for \(wait.components.seconds) s")
    }

    static func tooSlow(_ what: String) -> DownloadError {
        transient(.tooSlow, "the server sent \(what)")
    }

    static func hostBusy(_ host: String, wait: Duration) -> DownloadError {
        DownloadError(
            .hostBusy, "\(host) has its share of the slots and downloads of other hosts wait",
            advice: .release(after: wait))
    }

    /// A broken rule of the job's fields or of a redirect, as a failure of the attempt.
    init(_ error: DownloadRuleError, in what: String? = nil) {
        let prefix = what.map { "\($0) " } ?? ""
        self = .permanent(
            error.isAddressRefusal ? .addressRefused : .badRequest, "\(prefix)\(error.field) \(error.message)")
    }
}
