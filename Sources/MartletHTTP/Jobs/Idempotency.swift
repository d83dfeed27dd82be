// Idempotent pushes: one request per `Idempotency-Key`, whose jobs have derived ids.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// The ids and digest of a push under an `Idempotency-Key`.
struct KeyedPush: Sendable {
    /// The id of the request's only job; the ids of a batch start with it.
    let base: JobID
    /// The digest of the whole request.
    let digest: String

    /// Sets id and digest of a job, unless the caller chose its id.
    func mark(_ job: inout NewJob, index: Int? = nil) {
        job.id = index.map(base.item) ?? base
        job.digest = digest
    }
}

extension IdempotencyKey {
    /// The rule for the header, phrased to follow its name.
    static let rule = "must have 1 to 255 printable ASCII characters"

    /// Whether a text keeps the ``rule``.
    static func isKey(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}

extension Call {
    /// The `Idempotency-Key` of the request; `nil` without one.
    func idempotencyKey() throws(HTTPProblem) -> IdempotencyKey? {
        guard headers[values: .idempotencyKey].count <= 1 else {
            throw .invalid("Idempotency-Key", "must be sent in one header")
        }
        guard let key = headers.value(of: .idempotencyKey) else { return nil }
        guard IdempotencyKey.isKey(key) else { throw .invalid("Idempotency-Key", IdempotencyKey.rule) }
        return IdempotencyKey(key, caller: caller.name)
    }

    /// The digest of everything that the request asks for: route, query and body.
    fileprivate func digest(of body: [UInt8]) -> String {
        let head = "\(route.method.rawValue) \(route.template) \(query.canonical)\n"
        return RequestDigest.of(Array(head.utf8) + body)
    }
}

extension API {
    /// Pushes under the request's `Idempotency-Key`, so that repeating the request finds the same jobs.
    ///
    /// A request without a key is pushed with `nil` at no extra cost. Another request under a used key gets 422, or 409
    /// while the first one still runs; nothing is pushed then.
    ///
    /// - Parameters:
    ///   - body: the canonical body.
    ///   - push: pushes the jobs with the given ids; repeating it changes nothing.
    func push(
        _ call: Call, under key: IdempotencyKey?, _ body: @autoclosure () -> [UInt8],
        _ push: (KeyedPush?) async throws -> Reply
    ) async throws -> Reply {
        guard let key else { return try await push(nil) }
        let digest = call.digest(of: body())
        let claim = try await beforeWriting {
            try await repeatedOnce { _ throws(QueueError) in try await store.claim(key, for: digest) }
        }
        guard case .own(let base) = claim else { throw HTTPProblem.keyReused(isRunning: claim == .running) }
        do {
            let reply = try await push(KeyedPush(base: base, digest: digest))
            await end(key, of: digest, base: base)
            return reply
        } catch {
            await end(key, of: digest, base: base)
            throw error
        }
    }

    /// Records that a request has finished, whatever its result: a push, a refusal, or a 503 after which it may be retried.
    private func end(_ key: IdempotencyKey, of digest: String, base: JobID) async {
        // Without a connection it cannot be recorded, and the response must not wait for it.
        guard store.connectionFailure == nil else { return }
        // Not a child of the request's task, which a shutdown may cancel.
        await Task { [store] in try? await store.end(key, of: digest, base: base) }.value
    }
}

extension HTTPProblem {
    /// 422 when the key belongs to another request, 409 while that one has not finished.
    fileprivate static func keyReused(isRunning: Bool) -> HTTPProblem {
        guard isRunning else {
            return HTTPProblem(
                .idempotencyKeyReused,
                "this Idempotency-Key was used before with another request; use a new one")
        }
        return HTTPProblem(
            .idempotencyInProgress,
            "another request with this Idempotency-Key has not finished yet; use a new key"
        ).with(.retryAfter, "1")
    }
}
