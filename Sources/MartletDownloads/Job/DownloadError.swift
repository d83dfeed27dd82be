// The error of a failed download: a stable code, a message, and the retry advice.

public import MartletJobs

/// Why a download attempt failed.
///
/// ```swift
/// do {
///     _ = try await handler.run(job, context: context)
/// } catch let error as DownloadError where error.code == .notFound {
///     context.logger.notice("not there: \(error.message)")
/// }
/// ```
public struct DownloadError: RetryAdvising, Sendable, CustomStringConvertible {
    /// The kinds of failure; the raw values are stable.
    public enum Code: String, Sendable, CaseIterable {
        /// The job's fields are invalid.
        case badRequest = "bad_request"
        /// The worker has no template for the URLs of tracks.
        case noTemplate = "no_template"
        /// The URL or a redirect leads to a forbidden address.
        case addressRefused = "address_refused"
        /// The host name cannot be resolved.
        case resolveFailed = "resolve_failed"
        /// The server cannot be reached.
        case connectFailed = "connect_failed"
        /// The server's certificate or TLS version is not acceptable.
        case tlsFailed = "tls_failed"
        /// The connection was lost during the transfer.
        case connectionLost = "connection_lost"
        /// The server sent nothing for too long.
        case stalled
        /// The server was slower than the minimum speed, or exceeded the deadline.
        case tooSlow = "too_slow"
        /// The host has used its share of the slots, and other hosts wait.
        case hostBusy = "host_busy"
        /// The body ended before its announced length.
        case incomplete
        /// The response is not the file: unexpected status or headers.
        case badResponse = "bad_response"
        /// The body is compressed although compression was not requested.
        case badEncoding = "bad_encoding"
        /// 404 or 410.
        case notFound = "not_found"
        /// 401, 403 or another 4xx that a retry cannot change.
        case forbidden
        /// 429.
        case rateLimited = "rate_limited"
        /// 408, 425 or 5xx.
        case serverError = "server_error"
        /// Too many redirects.
        case tooManyRedirects = "too_many_redirects"
        /// Larger than the job or the worker allows.
        case tooLarge = "too_large"
        /// The file's SHA-256 differs from the requested one.
        case checksumMismatch = "checksum_mismatch"
        /// The directory already has another file with that name.
        case fileExists = "file_exists"
        /// The disk or the quota is full.
        case diskFull = "disk_full"
        /// The file could not be read or written for another reason.
        case storageFailed = "storage_failed"
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, without secrets from the URL.
    public let message: String
    /// What to do with the job.
    public let retryAdvice: RetryAdvice
    /// Details for the log only: internal addresses, library texts.
    var detail: String?
    /// Whether the existing bytes are unusable, so that no attempt may resume from them.
    var invalidatesPart = false

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - code: the kind of failure.
    ///   - message: what happened; control characters are made visible.
    ///   - advice: what to do with the job.
    public init(_ code: Code, _ message: String, advice: RetryAdvice) {
        self.code = code
        self.message = PlainText.cleaned(message)
        retryAdvice = advice
    }

    /// The code and the message, as the job's error shows them.
    public var description: String { "\(code.rawValue): \(message)" }
}

extension DownloadError: Hashable {
    /// Compares code, message and advice.
    ///
    /// - Parameters:
    ///   - one: an error.
    ///   - other: another error.
    /// - Returns: whether both are equal.
    public static func == (one: DownloadError, other: DownloadError) -> Bool {
        one.code == other.code && one.message == other.message && one.retryAdvice == other.retryAdvice
    }

    /// Hashes the code and the message.
    ///
    /// - Parameter hasher: the hasher.
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

    /// The same failure, with the existing bytes marked as unusable.
    var invalidatingPart: DownloadError {
        var error = self
        error.invalidatesPart = true
        return error
    }

    /// The same failure with other advice.
    func advising(_ advice: RetryAdvice) -> DownloadError {
        var error = DownloadError(code, message, advice: advice)
        (error.detail, error.invalidatesPart) = (detail, invalidatesPart)
        return error
    }

    static func tooLarge(limit: Int64) -> DownloadError {
        permanent(.tooLarge, "the file is larger than the limit of \(limit) bytes")
    }

    /// A host name that cannot be used.
    ///
    /// Callers must not learn whether an internal name exists. So an unknown name and one that resolves to a forbidden
    /// address get the same error and the same retries. The log has the reason.
    static func unusable(_ host: String, detail: String) -> DownloadError {
        transient(
            .resolveFailed, "the name \(host) could not be resolved to an address that may be reached", detail: detail)
    }

    /// A track on a worker without a template.
    ///
    /// The cause is the worker, so the job uses up no retry.
    static let noTemplate = DownloadError(
        .noTemplate,
        "this worker has no template for the URLs of tracks; set DOWNLOAD__SOURCE_URL for workers as for servers",
        advice: .release(after: .seconds(30)))

    /// Not enough disk space for the rest of a file.
    static func notEnoughSpace(needed: Int64, free: Int64) -> DownloadError {
        DownloadError(
            .diskFull,
            "the download directory has no room for this file: \(needed) bytes are needed and \(free) are free; "
                + "trying again in \(diskFullWait.components.seconds) s",
            advice: .release(after: diskFullWait))
    }

    /// No space is left, and an older download has bytes in the same directory.
    ///
    /// The delay doubles each time, up to an hour. So the older download gets more time without it, even when both start
    /// from zero with each attempt.
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

    /// A body that exceeds its announced length: none of it can be trusted.
    static func tooLong(end: Int64) -> DownloadError {
        transient(.badResponse, "the server sent more than the \(end) bytes that it had announced").invalidatingPart
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

    /// Converts an invalid field of the job or of a redirect.
    init(_ error: DownloadRuleError, in what: String? = nil) {
        let prefix = what.map { "\($0) " } ?? ""
        self = .permanent(
            error.isAddressRefusal ? .addressRefused : .badRequest, "\(prefix)\(error.field) \(error.message)")
    }
}
