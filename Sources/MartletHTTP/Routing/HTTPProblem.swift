// Error responses as RFC 9457 problem documents.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// An error response.
struct HTTPProblem: Error, Sendable {
    /// The stable code for programs; the status belongs to it.
    var code: ProblemCode
    /// What happened, for people.
    var detail: String
    /// The errors of single fields.
    var errors: [FieldError] = []
    /// More members of the body.
    var more: [(key: String, value: JSONOutput)] = []
    /// More headers.
    var headers: HTTPFields = [:]

    /// The HTTP status.
    var status: HTTPResponse.Status { code.status }

    init(_ code: ProblemCode, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// The body; `instance` is the requested path, and `prefix` stands before the paths of all routes.
    func body(instance: String, requestID: String, prefix: String = "") -> JSONOutput {
        let body = JSONOutput.object([
            "type": .string(prefix + code.page), "title": .string(status.reasonPhrase), "status": .int(status.code),
            "detail": .string(detail), "instance": .string(instance), "code": .string(code.rawValue),
            "errors": errors.isEmpty ? nil : .array(errors.map(\.json)),
        ])
        return body.adding(more).adding([("request_id", .string(requestID))])
    }

    /// The same problem with another header.
    func with(_ name: HTTPField.Name, _ value: String) -> HTTPProblem {
        var copy = self
        copy.headers[name] = value
        return copy
    }

    /// The same problem with another member.
    func with(_ key: String, _ value: JSONOutput) -> HTTPProblem {
        var copy = self
        copy.more.append((key, value))
        return copy
    }
}

extension HTTPProblem {
    /// 400: the body is not valid JSON.
    static func malformed(_ fault: JSONSyntaxError) -> HTTPProblem {
        HTTPProblem(.malformedJSON, "the body \(fault.reason) (at byte \(fault.offset))")
    }

    /// 422: well-formed but invalid.
    static func invalid(_ errors: [FieldError]) -> HTTPProblem {
        // A misspelt name explains why another one is missing.
        let news = errors.first { $0.isMisspelt } ?? errors.first
        var problem = HTTPProblem(
            .invalidRequest, news?.sentence ?? "the request is not valid")
        problem.errors = Array(errors.prefix(100))
        return problem
    }

    /// 422 for one field.
    static func invalid(_ pointer: String, _ detail: String) -> HTTPProblem {
        invalid([FieldError(pointer: pointer, detail: detail)])
    }

    /// 422: the cursor is invalid.
    static var unknownCursor: HTTPProblem {
        .invalid("?cursor", "is not valid; use `next_cursor` of the previous page")
    }

    /// 404: not found.
    static func notFound(_ what: String) -> HTTPProblem { HTTPProblem(.notFound, what) }

    /// 409: not possible in this state.
    static func invalidState(_ id: JobID, _ verb: String, _ state: String, allowed: [String]) -> HTTPProblem {
        HTTPProblem(.invalidState, "\(id) is \(state), so it cannot be changed by \(verb)")
            .with("id", .string(id.description)).with("state", .string(state))
            .with("allowed", .array(allowed.map { .string($0) }))
    }

    /// 404: no route has this path.
    static let nothingHere = notFound("there is nothing at this path")

    /// 413: too large.
    static func tooLarge(_ what: String, limit: Int) -> HTTPProblem {
        HTTPProblem(.tooLarge, what).with("limit", .int(limit))
    }

    /// 409: another unfinished job holds the unique key; `nil` when the caller may not know which.
    static func uniqueKeyTaken(by holder: JobID?) -> HTTPProblem {
        guard let holder else {
            return HTTPProblem(.uniqueKeyTaken, "another job holds this unique key until it has finished")
        }
        return HTTPProblem(.uniqueKeyTaken, "\(holder) holds this unique key until it has finished")
            .with("holder", .string(holder.description))
    }

    /// 409: the id was used for another request.
    static func idempotencyConflict(_ id: JobID) -> HTTPProblem {
        HTTPProblem(
            .idempotencyConflict, "the id \(id) was used before with another request; use a new one"
        )
        .with("id", .string(id.description))
    }

    /// 503: other clients have not read their responses.
    static let answersFull = HTTPProblem(
        .answersFull, "too many large answers wait to be read; ask again later"
    ).with("outcome", "not-executed").with(.retryAfter, "1")

    /// 503: the server takes no more requests; the connection is closed after this response.
    static let shuttingDown = HTTPProblem(.shuttingDown, "the server is shutting down")
        .with("outcome", "not-executed").with(.retryAfter, "1").with(.connection, "close")

    /// 500: an unexpected server error, without details.
    static let bug = HTTPProblem(.internal, "an error of the server's own; its log has the rest")
}
