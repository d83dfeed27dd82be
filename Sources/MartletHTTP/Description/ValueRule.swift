// The rules of the API for single values, for clients in this package that check what they send.

package import MartletJSON
import MartletJobs
import MartletQueue

/// The rule that the API has for one value of a request.
package struct ValueRule: Sendable {
    private let check: @Sendable (JSONValue) -> String?

    /// What is wrong with a value.
    ///
    /// - Parameter value: the value as the request would hold it; a string for a parameter of a path or query.
    /// - Returns: a text that follows the name of the value, such as `must be true or false`; `nil` for a right value.
    package func fault(in value: JSONValue) -> String? { check(value) }

    /// The rule of a field of a body.
    private init<Value>(_ field: Field<Value>) {
        let (name, shape) = (field.property.name, ObjectShape(body: "Value", "A single field.", [field]))
        check = { value in
            guard let text = try? JSONText(JSONValue.object([name: value]).bytes) else { return "is not JSON" }
            var fields = Fields(text, shape)
            _ = fields.read(field)
            guard let error = fields.close().first else { return nil }
            // A member of a nested object is named, the field itself is not.
            let inner = error.pointer.dropFirst(fields.path(name).count + 1)
            return inner.isEmpty ? error.detail : "\(inner) \(error.detail)"
        }
    }

    /// The rule of a parameter of a query.
    private init<Value>(_ parameter: Parameter<Value>) {
        let name = parameter.property.name
        check = { value in
            guard let text = value.string else { return "must be a string" }
            do throws(HTTPProblem) {
                _ = try parameter.read(Query([(Substring(name), Substring(text))], known: [name]))
                return nil
            } catch { return error.errors.first?.detail ?? error.detail }
        }
    }

    /// The rule of a filter.
    private init(_ condition: FilterCondition) {
        check = { value in
            guard let text = value.string else { return "must be a string" }
            var filter = JobFilter()
            return condition.add(text, &filter)
        }
    }

    /// The rule of a text that is either right or not.
    private init(_ rule: String, _ isRight: @escaping @Sendable (String) -> Bool) {
        check = { value in value.string.map(isRight) == true ? nil : rule }
    }
}

private let cursorRule = "must be the cursor that the page before ended with"

// MARK: - Jobs

extension ValueRule {
    package static let jobID = ValueRule(JobID.rule) { JobID($0) != nil }
    package static let newID = ValueRule(JobField.id)
    package static let type = ValueRule(JobField.type)
    package static let priority = ValueRule(JobField.priority)
    package static let delay = ValueRule(JobField.delay)
    package static let runAt = ValueRule(JobField.runAt)
    package static let maxRetries = ValueRule(JobField.maxRetries)
    package static let backoff = ValueRule(JobField.backoff)
    package static let timeout = ValueRule(JobField.timeout)
    package static let uniqueKey = ValueRule(JobField.uniqueKey)
    package static let tags = ValueRule(JobField.tags)
    package static let limits = ValueRule(JobField.limits)
    package static let metadata = ValueRule(JobField.metadata)
    package static let traceparent = ValueRule(JobField.traceparent)
    package static let tracestate = ValueRule(JobField.tracestate)
    package static let durability = ValueRule(DurabilityField.durability)
    package static let idempotencyKey = ValueRule(IdempotencyKey.rule, IdempotencyKey.isKey)
    package static let states = ValueRule(FilterCondition.state)
    package static let tag = ValueRule(FilterCondition.tag)
    package static let wantedKey = ValueRule(FilterCondition.uniqueKey)
    package static let errorFingerprint = ValueRule(FilterCondition.error)
    package static let searchedText = ValueRule(FilterCondition.text)
    package static let otherQueue = ValueRule(JobField.queue)
    package static let expectedCount = ValueRule(FilterActionField.expectedCount)
    package static let listCursor = ValueRule(cursorRule) { ListCursor($0) != nil }
    package static let historyStep = ValueRule(HistoryParameter.step)
    package static let errorCursor = ValueRule(cursorRule) { ErrorCursor($0) != nil }
}

// MARK: - Downloads

extension ValueRule {
    package static let maxBytes = ValueRule(DownloadField.maxBytes)
    package static let downloadTimeout = ValueRule(DownloadField.timeout)
    package static let downloadStatus = ValueRule(API.statusParameter)
    package static let downloadCursor = ValueRule(cursorRule) { JobCursor($0) != nil }
}

// MARK: - Queues and events

extension ValueRule {
    package static let queue = ValueRule(CommonParameter.queue)
    package static let pauseReason = ValueRule(PauseField.reason)
    package static let concurrency = ValueRule(QueueSettingsField.concurrency)
    package static let lease = ValueRule(QueueSettingsField.lease)
    package static let ageing = ValueRule(QueueSettingsField.ageing)
    package static let retentionAge = ValueRule(RetentionChange.age)
    package static let retentionCount = ValueRule(RetentionChange.count)
    package static let limitName = ValueRule(LimitName.rule, LimitName.isValid)
    package static let limitConcurrency = ValueRule(LimitFields.concurrency)
    package static let limitCount = ValueRule(LimitFields.count)
    package static let limitPer = ValueRule(LimitFields.per)
    package static let limitBurst = ValueRule(LimitFields.burst)
    package static let limitTime = ValueRule(LimitFields.time)
    package static let limitUntil = ValueRule(LimitFields.until)
    package static let limitCursor = ValueRule(cursorRule) { LimitCursor($0) != nil }
    package static let eventQueues = ValueRule(EventParameter.queue)
    package static let eventJobs = ValueRule(EventParameter.job)
    package static let eventKinds = ValueRule(EventParameter.kinds)
    package static let eventStart = ValueRule(EventParameter.since)
    package static let auditCursor = ValueRule(cursorRule) { TrailPosition($0) != nil }
}
