// Decides what to do with a response, from its head and the bytes on disk, so that versions are never mixed.

import MartletJobs

/// A body that is to be written.
struct BodyPlan: Equatable, Sendable {
    /// The position of its first byte; 0 replaces existing bytes.
    var start: Int64
    /// The position of its end, if known.
    var end: Int64?
    /// The size of the whole file, if known.
    var total: Int64?
    var version: RemoteVersion

    /// Whether the expected length is known only from an earlier response.
    ///
    /// Until the body has that length, its bytes may belong elsewhere in the file.
    var isUnproven: Bool { end == nil && total != nil }

    /// Whether more of the file may follow a complete body.
    var isOpenEnded: Bool { start > 0 && total == nil }
}

/// What to do with a response.
enum ResponseAction: Equatable, Sendable {
    case write(BodyPlan)
    /// Nothing is missing.
    case complete
    /// The response does not continue the existing bytes: request the whole file.
    case requestWhole(why: String)
    case redirect(location: String)
    case fail(DownloadError)
}

/// The rules by which a response is judged.
///
/// A response to a range request is written only if all its headers agree with what is known. Otherwise the whole file
/// is requested without a range. A response to that request stands by itself and fails if its headers contradict each
/// other.
struct ResponseRules: Sendable {
    var request: Request
    /// The version and size of the bytes on disk.
    var known: DownloadCheckpoint
    /// The largest size in bytes.
    var limit: Int64
    /// The server's name in messages.
    var source: String

    func action(_ head: ResponseHead) -> ResponseAction {
        switch head.status {
        case 200, 203: whole(head)
        case 206: part(head)
        case 301, 302, 303, 307, 308: redirect(head)
        case 416: unsatisfiable(head)
        default: .fail(refusal(head))
        }
    }

    /// A response with the whole file.
    private func whole(_ head: ResponseHead) -> ResponseAction {
        if let coding = head.foreignCoding { return .fail(encoded(coding)) }
        do throws(HeaderMismatch) {
            let size = try head.wholeSize()
            if case .rest = request { try checkReplacement(size, head) }
            let total = try totalSize(size, head)
            return writing(BodyPlan(start: 0, end: size, total: total, version: head.version))
        } catch {
            return misfit(head, error)
        }
    }

    /// The size of the whole file: from the head, else from an earlier response with the same strong entity tag.
    ///
    /// A cache may store the rest of a file as the whole one. Its entity tag then proves that bytes are missing.
    private func totalSize(_ size: Int64?, _ head: ResponseHead) throws(HeaderMismatch) -> Int64? {
        guard let total = known.total, known.version?.isSame(as: head.etag) == true else { return size }
        guard let size, size != total else { return total }
        throw HeaderMismatch(why: "it has \(size) bytes, and \(total) under the same ETag before")
    }

    /// Throws unless the known size for the same version proves that the response is the whole file.
    ///
    /// A server may answer a range request with only the rest and status 200.
    private func checkReplacement(_ size: Int64?, _ head: ResponseHead) throws(HeaderMismatch) {
        try checkVersion(head)
        guard let size, let total = known.total else {
            throw HeaderMismatch(why: "it does not state whether the whole file or only the rest follows")
        }
        guard size == total else {
            throw HeaderMismatch(why: "the file had \(total) bytes and this answer has \(size)")
        }
    }

    private func part(_ head: ResponseHead) -> ResponseAction {
        if let coding = head.foreignCoding { return .fail(encoded(coding)) }
        do throws(HeaderMismatch) {
            guard case .rest(let start, _) = request else {
                // Not requested, but harmless if nothing is missing.
                guard head.contentRange != .nothing else { throw HeaderMismatch(why: "it has no Content-Range") }
                let size = try head.wholeSize()
                let total = try totalSize(size, head)
                return writing(BodyPlan(start: 0, end: size, total: total, version: head.version))
            }
            return writing(try continuation(head, from: start))
        } catch {
            return misfit(head, error)
        }
    }

    /// The rest of the file, or its next part.
    private func continuation(_ head: ResponseHead, from start: Int64) throws(HeaderMismatch) -> BodyPlan {
        try head.checkIsOnePiece()
        guard case .value(let range) = head.contentRange, let bytes = range.bytes, bytes.lowerBound == start else {
            throw HeaderMismatch(why: "its Content-Range does not begin at byte \(start)")
        }
        if let length = try head.plainLength(), length != bytes.upperBound - bytes.lowerBound + 1 {
            throw HeaderMismatch(why: "its Content-Length does not fit its Content-Range")
        }
        if let total = range.total, let known = known.total, total != known {
            throw HeaderMismatch(why: "the file had \(known) bytes and has \(total) now")
        }
        try checkVersion(head)
        let total = range.total ?? known.total
        if let total, bytes.upperBound >= total { throw HeaderMismatch(why: "its range is past the file's end") }
        return BodyPlan(
            start: start, end: bytes.upperBound + 1, total: total, version: known.version ?? head.version)
    }

    private func checkVersion(_ head: ResponseHead) throws(HeaderMismatch) {
        guard let version = known.version, !version.contradicts(etag: head.etag, modified: head.lastModified) else {
            throw HeaderMismatch(why: "it does not name the version of the bytes that are here")
        }
    }

    private func unsatisfiable(_ head: ResponseHead) -> ResponseAction {
        guard case .rest(let held, _) = request else {
            return .fail(.transient(.badResponse, "\(source) answered 416 though no range was asked for"))
        }
        let named: Int64? = if case .value(let range) = head.contentRange { range.total } else { nil }
        guard let total = named ?? known.total, total == held, known.total ?? total == total else {
            return .requestWhole(why: "the file no longer has the \(held) bytes that are here")
        }
        if known.version?.differs(from: head) == true { return .requestWhole(why: "the file is another version") }
        return .complete
    }

    private func writing(_ plan: BodyPlan) -> ResponseAction {
        max(plan.end ?? 0, plan.total ?? 0) > limit ? .fail(.tooLarge(limit: limit)) : .write(plan)
    }

    private func misfit(_ head: ResponseHead, _ misfit: HeaderMismatch) -> ResponseAction {
        if case .rest = request { return .requestWhole(why: "it answered \(head.status) and \(misfit.why)") }
        return .fail(.transient(.badResponse, "\(source) answered \(head.status), but \(misfit.why)"))
    }

    private func redirect(_ head: ResponseHead) -> ResponseAction {
        guard let location = head.location, !location.isEmpty else {
            let what = head.hasLocation ? "with an unusable Location" : "without a Location"
            return .fail(.transient(.badResponse, "\(source) answered \(head.status) \(what)"))
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
        default: return .transient(.badResponse, "\(answered), which is not a valid response to a download")
        }
    }

    private func advice(_ head: ResponseHead) -> RetryAdvice {
        head.retryAfter.map { .after($0) } ?? .byPolicy
    }

    private func encoded(_ coding: String) -> DownloadError {
        .permanent(
            .badEncoding,
            "\(source) sent the file encoded as \(PlainText.quoted(coding)) though only the plain file was asked for")
    }
}
