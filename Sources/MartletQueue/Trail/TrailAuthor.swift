// The author of a change, as the audit trail records it with the change.

package import MartletJSON
import MartletRedis
import Synchronization

/// The operator's call in which a change is made.
///
/// A class, so that a ``Queue`` holds one reference: most queues have no author.
package final class TrailAuthor: Sendable {
    /// The members of an entry that say who asked for what.
    private let members: [(key: String, value: JSONOutput)]
    /// How many entries each trail keeps, about.
    let entries: Int
    private let isAsked = Atomic(false)
    /// The author that this one says more of; what was recorded is known there.
    private let first: TrailAuthor?

    /// Creates an author.
    ///
    /// - Parameters:
    ///   - members: the caller and the operation, in the order in which they are shown; no secrets and no payloads.
    ///   - entries: how many entries each trail keeps, about.
    package init(_ members: [(key: String, value: JSONOutput)], entries: Int) {
        self.members = members
        self.entries = entries
        first = nil
    }

    private init(_ other: TrailAuthor, _ more: [(key: String, value: JSONOutput)]) {
        members = other.members + more
        entries = other.entries
        first = other.first ?? other
    }

    /// The same call with more that is known of it.
    package func adding(_ more: [(key: String, value: JSONOutput)]) -> TrailAuthor { TrailAuthor(self, more) }

    /// Whether a script was asked to record what it did.
    package var isRecorded: Bool { (first ?? self).isAsked.load(ordering: .relaxed) }

    /// The text of `by` in an entry.
    var text: [UInt8] { JSONOutput.members(members).bytes }

    /// The arguments of a script with those of the trail before them.
    func recording(_ arguments: RedisArguments) -> RedisArguments {
        (first ?? self).isAsked.store(true, ordering: .relaxed)
        var all = RedisArguments("recorded", "\(entries)")
        all.append(text)
        all.append(contentsOf: arguments)
        return all
    }
}

extension Queue {
    /// The queue whose changes are recorded in its audit trail as those of this call; without one they are not.
    package func recorded(as author: TrailAuthor?) -> Queue {
        var copy = self
        copy.author = author
        return copy
    }

    /// The arguments of a change, recorded where an operator asks for it.
    func recording(_ arguments: RedisArguments) -> RedisArguments {
        author?.recording(arguments) ?? arguments
    }
}

extension JobStore {
    /// The audit trail of what concerns no single queue, on the slot of the global hash.
    var trailKey: String { "\(prefix):{\(globalKey)}:trail" }

    /// Writes an entry of what no script has recorded.
    ///
    /// - Parameters:
    ///   - author: the operator's call.
    ///   - action: what was asked for.
    ///   - result: `started`, `done`, `refused` or `unknown`.
    /// - Throws: ``QueueError``.
    package func record(_ author: TrailAuthor, _ action: String, result: String) async throws(QueueError) {
        var arguments = RedisArguments("XADD", trailKey, "MAXLEN", "~", "\(author.entries)", "*", "by")
        arguments.append(author.text)
        for word in ["did", action, "answer", result] { arguments.append(word) }
        _ = try await send(.command(arguments))
    }
}
