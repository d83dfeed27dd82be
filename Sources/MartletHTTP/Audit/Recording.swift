// Whether the audit trail records what a route does.

import HTTPTypes

/// What the audit trail has of a route.
enum Recording: Sendable, Equatable {
    /// Nothing: it changes nothing.
    case reads
    /// An operator's action; each script that changes something records it in the same step.
    case action
    /// An operator's action in several steps that takes the trail of its queue along: its start and its end are recorded
    /// beside the queue as well.
    case actionInSteps
    /// Nothing: it changes something, and is no operator's action for this reason.
    case exempt(String)

    /// Whether entries are written.
    var isRecorded: Bool { self == .action || self == .actionInSteps }

    /// A push; the job says who pushed it, where that matters.
    static let push = Recording.exempt("it pushes jobs, which is the work of producers")
    /// A message of a worker.
    static let work = Recording.exempt("it is a worker's message about jobs that the worker holds")
    /// A session of a browser.
    static let session = Recording.exempt("it changes what one browser remembers, and nothing in Redis")
}
