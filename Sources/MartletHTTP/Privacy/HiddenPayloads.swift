// Hidden fields of payloads: in answers, in filters and in payloads that were copied from answers.

import MartletJSON
import MartletJobs
import MartletQueue
import Synchronization

/// The hidden fields of a server with the secret of its installation, which is read once.
final class HiddenPayloads: Sendable {
    private let redaction: Redaction
    private let store: JobStore
    private let known = Mutex<HiddenFields?>(nil)

    init(_ redaction: Redaction, _ store: JobStore) {
        self.redaction = redaction
        self.store = store
    }

    /// The hidden fields; `nil` when there are none, which costs nothing.
    func fields() async throws(QueueError) -> HiddenFields? {
        guard !redaction.isEmpty else { return nil }
        if let fields = known.withLock({ $0 }) { return fields }
        let fields = HiddenFields(redaction, key: try await store.redactionKey())
        known.withLock { $0 = fields }
        return fields
    }

    /// Refuses a payload with a shown digest in the place of a hidden value: it would take the place of the value.
    func check(_ payload: JSONText?, type: String) throws(HTTPProblem) {
        guard !redaction.isEmpty, let payload, redaction.holdsDigest(payload.bytes, type: type) else { return }
        throw .invalid("/payload", "has a digest in the place of a hidden value; send the value itself")
    }

    /// A filter that tells nothing of hidden fields; throws 422 for a condition on one.
    ///
    /// - Parameter place: where the conditions on payloads stand in the request, in front of a path.
    func checked(_ filter: JobFilter, at place: String) async throws -> JobFilter {
        guard let fields = try await fields() else { return filter }
        for condition in filter.payload where redaction.hides(condition, of: filter.type) {
            let path = condition.path.joined(separator: ".")
            throw HTTPProblem.invalid(
                place + path, "is a hidden field, a part of one or around one; nobody can search for its value")
        }
        var copy = filter
        copy.hidden = fields
        return copy
    }
}

extension JobRecord {
    /// The job as it is shown.
    func shown(_ hidden: HiddenFields?) -> JobRecord {
        guard let hidden else { return self }
        var copy = self
        copy.payload = hidden.shown(payload, type: type)
        for place in earlierPayloads.indices {
            copy.earlierPayloads[place].payload = earlierPayloads[place].payload.map { hidden.shown($0, type: type) }
        }
        return copy
    }
}
