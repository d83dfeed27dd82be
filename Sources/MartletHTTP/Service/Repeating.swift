// What a write says when Redis failed in the middle of it: said twice where that is safe, and never "nothing was done"
// when something was.

import MartletJobs
import MartletQueue

/// A fault of the queue in a write, with what the answer says beside it.
struct WriteError: Error {
    var error: QueueError
    /// More members of the answer.
    var more: [(key: String, value: JSONOutput)] = []
}

/// Runs a write whose repetition changes nothing; once more when the reply of the first try was lost.
///
/// `write` is told whether it is the repetition. The first fault is what is thrown: the second try may have failed before
/// it was sent.
func saidTwice<Value>(
    _ write: (_ isRepeat: Bool) async throws(QueueError) -> Value
) async throws(QueueError) -> Value {
    do throws(QueueError) { return try await write(false) } catch {
        guard error.kind == .unknown else { throw error }
        do throws(QueueError) { return try await write(true) } catch _ { throw error }
    }
}

/// Runs what only reads before a request writes: when it fails, nothing was done.
func beforeWriting<Value>(_ read: () async throws -> Value) async throws -> Value {
    do { return try await read() } catch var error as QueueError where error.kind == .unknown {
        error.kind = .notExecuted(.unavailable)
        throw error
    }
}

extension QueueError {
    /// The fault of what was not even tried, because Redis did not answer before.
    var asUntried: QueueError {
        var copy = self
        copy.kind = .notExecuted(.unavailable)
        copy.message = "not tried, because Redis did not answer before"
        return copy
    }
}

extension Queue {
    /// Does a verb to each of the jobs, once more when the reply of the first try was lost.
    func steer(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        try await saidTwice { isRepeat throws(QueueError) in
            let verdicts = try await control(verb, ids)
            // What the lost first try deleted is not there any more.
            guard verb == .delete, isRepeat else { return verdicts }
            return verdicts.map { $0 == .missing ? .done(nil) : $0 }
        }
    }

    /// What a verb would do to each of the jobs; a fault says that nothing was done.
    func look(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        do throws(QueueError) { return try await preview(verb, ids) } catch {
            guard error.kind == .unknown else { throw error }
            var copy = error
            copy.kind = .notExecuted(.unavailable)
            throw copy
        }
    }

    /// Changes the queue as a whole, in a way whose repetition changes nothing; a fault names the queue.
    func change(
        _ write: (Queue) async throws(QueueError) -> Void
    ) async throws(WriteError) {
        do throws(QueueError) {
            try await saidTwice { _ throws(QueueError) in try await write(self) }
        } catch {
            throw WriteError(error: error, more: [("queue", .string(name.description))])
        }
    }

    /// Reads what a change made of the queue; when that fails, the change was done all the same.
    func afterChange<Value>(
        _ read: (Queue) async throws(QueueError) -> Value
    ) async throws(WriteError) -> Value {
        do throws(QueueError) { return try await read(self) } catch {
            throw WriteError(error: error.afterPart, more: [("queue", .string(name.description))])
        }
    }
}
