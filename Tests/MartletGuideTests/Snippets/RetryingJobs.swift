// What the guide RetryingJobs shows.

import Foundation
import Martlet

struct ChargeCard: Job {
    static let name = "charge-card"
    static var defaults: JobDefaults {
        JobDefaults(maxRetries: 8, retryPolicy: .exponential(base: .seconds(5), cap: .seconds(3600), jitter: 0.2))
    }
    var order: String
}

struct AwaitReport: Job {
    static let name = "await-report"
    var report: String
}

struct SendCode: Job {
    static let name = "send-code"
    var number: String
    var code: String
    var validUntil: Date
}

/// What the handlers call; stands for services of the reader's.
protocol Payments: Sendable {
    func charge(_ order: String, idempotencyKey: String) async throws -> (retryAfter: Duration?, isDeclined: Bool)
}

protocol Reports: Sendable {
    func isReady(_ report: String) async throws -> Bool
}

protocol Messages: Sendable {
    func send(_ code: String, to number: String) async throws
}

func retryRecipes(_ payments: any Payments, _ reports: any Reports, _ messages: any Messages) -> Handlers {
    Handlers {
        On(ChargeCard.self) { job, context in
            let answer = try await payments.charge(job.order, idempotencyKey: "\(context.id)")
            if let wait = answer.retryAfter { throw JobOutcome.snooze(max(wait, .seconds(1))) }
            if answer.isDeclined { throw JobOutcome.discard(reason: "the card was declined") }
        }
        On(AwaitReport.self) { job, context in
            guard try await reports.isReady(job.report) else {
                throw JobOutcome.snooze(.seconds(min(300, 5 * context.claims)))
            }
        }
        On(SendCode.self) { job, context in
            guard Date() < job.validUntil else { return }
            try await messages.send(job.code, to: job.number)
        }
    }
}

func throttledRecipe(_ payments: any Payments) -> Handlers {
    Handlers {
        On(ChargeCard.self) { job, context in
            let answer = try await payments.charge(job.order, idempotencyKey: "\(context.id)")
            if let wait = answer.retryAfter {
                throw JobOutcome.throttled(key: "api:payments", after: max(wait, .seconds(1)), reason: "429")
            }
        }
    }
}

enum PaymentError: RetryAdvising {
    case declined, rateLimited(Duration), unreachable

    var retryAdvice: RetryAdvice {
        switch self {
        case .declined: .never
        case .rateLimited(let wait): .after(wait)
        case .unreachable: .byPolicy
        }
    }
}
