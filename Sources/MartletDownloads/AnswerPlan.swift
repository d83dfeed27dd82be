// What an answer means: decided from its head and from what is already on disk, so that no versions are mixed.

import MartletJobs

/// A body that is to be written.
struct BodyPlan: Equatable, Sendable {
    /// Where its first byte goes; 0 replaces what is there.
    var start: Int64
    /// Where it ends, when that is known.
    var end: Int64?
    /// The whole file's size, when it is known.
    var total: Int64?
    var version: RemoteVersion
}

/// What becomes of an answer.
enum Answer: Equatable, Sendable {
    case write(BodyPlan)
    /// Nothing is missing.
    case complete
    /// The answer does not continue what is here: ask for the whole file.
    case askWhole(why: String)
    case redirect(location: String)
    case fail(DownloadError)
}

/// What is needed to judge an answer.
struct AnswerRules: Sendable {
    var request: Request
    /// The version and size that the bytes on disk belong to.
    var known: DownloadCheckpoint
    /// The largest size in bytes.
    var limit: Int64
    /// Names the server in messages.
    var source: String

    func judge(_ head: ResponseHead) -> Answer {
        switch head.status {
        case 200, 203: whole(head)
        case 206: rest(head)
        case 301, 302, 303, 307, 308: redirect(head)
        case 416: unsatisfiable(head)
        default: .fail(refusal(head))
        }
    }

    private func whole(_ head: ResponseHead) -> Answer {
        if let coding = head.foreignCoding { return .fail(encoded(coding)) }
        if let length = head.contentLength, length > limit { return .fail(.tooLarge(limit: limit)) }
        let length = head.contentLength
        return .write(BodyPlan(start: 0, end: length, total: length, version: head.version))
    }

    private func rest(_ head: ResponseHead) -> Answer {
        guard case .rest(let start, _) = request else {
            return .fail(.transient(.badResponse, "\(source) answered 206 though no range was asked for"))
        }
        if let coding = head.foreignCoding { return .fail(encoded(coding)) }
        guard let range = head.contentRange, let bytes = range.bytes, bytes.lowerBound == start else {
            return .askWhole(why: "its Content-Range does not begin at byte \(start)")
        }
        if let length = head.contentLength, length != bytes.upperBound - bytes.lowerBound + 1 {
            return .askWhole(why: "its Content-Length does not fit its Content-Range")
        }
        if let total = range.total, let known = known.total, total != known {
            return .askWhole(why: "the file had \(known) bytes and has \(total) now")
        }
        if let version = known.version, version.contradicts(head.version) {
            return .askWhole(why: "it is of another version of the file")
        }
        let total = range.total ?? known.total
        if let total, total > limit { return .fail(.tooLarge(limit: limit)) }
        if let total, bytes.upperBound >= total { return .askWhole(why: "its range is past the file's end") }
        return .write(
            BodyPlan(
                start: start, end: bytes.upperBound + 1, total: total, version: known.version ?? head.version))
    }

    private func unsatisfiable(_ head: ResponseHead) -> Answer {
        guard case .rest(let held, _) = request else {
            return .fail(.transient(.badResponse, "\(source) answered 416 though no range was asked for"))
        }
        guard let total = head.contentRange?.total ?? known.total, total == held else {
            return .askWhole(why: "the file no longer has the \(held) bytes that are here")
        }
        if let etag = known.version?.etag, let theirs = head.etag, etag != theirs {
            return .askWhole(why: "the file is another version")
        }
        return .complete
    }

    private func redirect(_ head: ResponseHead) -> Answer {
        guard let location = head.location, !location.isEmpty else {
            return .fail(.transient(.badResponse, "\(source) answered \(head.status) without a Location"))
        }
        return .redirect(location: location)
    }

    private func refusal(_ head: ResponseHead) -> DownloadError {
        let answered = "\(source) answered \(head.status)"
        switch head.status {
        case 404, 410: return .permanent(.notFound, answered)
        case 429: return DownloadError(.rateLimited, answered, advice: advice(head))
        case 408, 425, 500...599: return DownloadError(.serverError, answered, advice: advice(head))
        case 400...499: return .permanent(.forbidden, answered)
        default: return .transient(.badResponse, "\(answered), which is no answer to a download")
        }
    }

    private func advice(_ head: ResponseHead) -> RetryAdvice {
        head.retryAfter.map { .after($0) } ?? .byPolicy
    }

    private func encoded(_ coding: String) -> DownloadError {
        .permanent(
            .badEncoding, "\(source) sent the file encoded as \(coding) though only the plain file was asked for")
    }
}
