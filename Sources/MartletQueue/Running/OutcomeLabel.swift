// The end of an attempt as metrics and log lines name it, the same for worker processes and workers over HTTP.

/// The end of an attempt, as a label.
package enum OutcomeLabel: Int, CaseIterable, Sendable {
    case completed, retried, failed, cancelled, paused, released, snoozed, throttled
    /// The worker did not hold the job any more.
    case fenced
}

extension Settlement.Outcome {
    /// The label of an accepted end.
    ///
    /// - Parameter state: the state in which the queue left the job; `nil` where it is not known.
    /// - Returns: the label; a stop of the job counts before what its handler did.
    package func label(in state: JobState?) -> OutcomeLabel {
        switch (state, self) {
        case (.paused, _): .paused
        case (.cancelled, _): .cancelled
        case (.failed, _), (_, .failedForGood): .failed
        case (_, .completed): .completed
        case (_, .failed), (_, .crashed): .retried
        case (_, .released), (_, .unknownType), (_, .postponed): .released
        case (_, .snoozed): .snoozed
        case (_, .throttled): .throttled
        }
    }
}
