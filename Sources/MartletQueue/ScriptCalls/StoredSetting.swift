// The settings of a queue as Redis keeps them: the one table of their names, ranges and defaults.

import MartletJobs

/// A setting of a queue, by the name of its field in `meta`.
enum StoredSetting: String, CaseIterable, Sendable {
    case limit, lease, step
    case completedAge = "completed_age"
    case completedCount = "completed_count"
    case failedAge = "failed_age"
    case failedCount = "failed_count"
    case cancelledAge = "cancelled_age"
    case cancelledCount = "cancelled_count"
    case durability

    /// The values that it may have; times in ms.
    var range: ClosedRange<Int> {
        switch self {
        case .limit: 0...1_000_000
        case .lease: 50...900_000
        case .step: 1...Schema.longestStep
        case .completedAge, .failedAge, .cancelledAge: 0...Schema.longestWait
        case .completedCount, .failedCount, .cancelledCount: 0...1_000_000_000
        case .durability: 0...2
        }
    }

    /// The value of a queue that has none.
    var standard: Int {
        switch self {
        case .limit, .durability: 0
        case .lease: 30_000
        case .step: Schema.longestStep
        case .completedAge, .failedAge, .cancelledAge: Retention.standard.age.inMilliseconds
        case .completedCount, .failedCount, .cancelledCount: Retention.standard.count
        }
    }

    /// Whether every call needs it, so that it stands in the plan.
    var isInPlan: Bool {
        switch self {
        case .limit, .lease, .step, .completedAge, .completedCount: true
        case .failedAge, .failedCount, .cancelledAge, .cancelledCount, .durability: false
        }
    }
}
