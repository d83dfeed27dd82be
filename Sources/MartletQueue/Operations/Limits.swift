// Setting, pausing and reading the limits of a queue.

public import FoundationEssentials
import MartletJobs
import MartletRedis

extension Queue {
    /// Sets the base value of a limit, in place of the one that it had; creates the limit if there is none.
    ///
    /// One round trip. An override and a pause stay as they are.
    ///
    /// - Parameters:
    ///   - name: a key, or `<class>:*` for each value of a class; a limit with the exact name comes first.
    ///   - limit: the value; concurrency, a rate, or both.
    /// - Throws: ``QueueError`` with ``QueueError/Refusal/badLimit(_:)`` or ``QueueError/Refusal/tooManyLimits(_:)``; nothing
    ///   is changed then.
    public func setLimit(_ name: String, to limit: QueueLimit) async throws(QueueError) {
        try await set(name, "base", limit, until: "")
    }

    /// Sets a value that counts in place of the base value, for a time or until ``resetLimit(_:)``.
    ///
    /// One round trip. It may be set for a key that has no limit.
    ///
    /// - Parameters:
    ///   - name: a key, or `<class>:*` for each value of a class.
    ///   - limit: the value; concurrency, a rate, or both.
    ///   - until: when it ends by itself, by Redis' clock, at most a year ahead; not together with a time.
    ///   - time: how long it lasts, at most a year; `nil` for no end.
    /// - Throws: ``QueueError`` as ``setLimit(_:to:)``.
    public func overrideLimit(
        _ name: String, with limit: QueueLimit, until: Date? = nil, for time: Duration? = nil
    ) async throws(QueueError) {
        try await set(name, "override", limit, until: try Self.end(until, time))
    }

    /// Stops the start of jobs that name a key; running ones continue.
    ///
    /// One round trip. It creates a limit that only pauses if there is none, which ends with the pause.
    ///
    /// - Parameters:
    ///   - name: a key, or `<class>:*` for each value of a class that has no limit of its own.
    ///   - reason: why, for other operators.
    ///   - until: when it ends by itself, by Redis' clock, at most a year ahead; not together with a time.
    ///   - time: how long it lasts, at most a year; `nil` until an operator resumes it.
    ///   - who: who pauses it.
    /// - Throws: ``QueueError`` as ``setLimit(_:to:)``.
    public func pauseLimit(
        _ name: String, reason: String? = nil, until: Date? = nil, for time: Duration? = nil, by who: String? = nil
    ) async throws(QueueError) {
        _ = try await change(
            RedisArguments("pause", try Self.checked(name), try Self.end(until, time), reason ?? "", who ?? ""))
    }

    /// Ends the pause of a limit.
    ///
    /// One round trip.
    ///
    /// - Parameter name: the limit's name.
    /// - Returns: whether there is such a limit.
    /// - Throws: ``QueueError``.
    @discardableResult public func resumeLimit(_ name: String) async throws(QueueError) -> Bool {
        try await change(RedisArguments("resume", try Self.checked(name)))
    }

    /// Takes a limit back to its base value: ends its override, its pause, and the hold of a throttled key.
    ///
    /// One round trip.
    ///
    /// - Parameter name: the limit's name.
    /// - Returns: whether there is such a limit.
    /// - Throws: ``QueueError``.
    @discardableResult public func resetLimit(_ name: String) async throws(QueueError) -> Bool {
        try await change(RedisArguments("reset", try Self.checked(name)))
    }

    /// Removes a limit; a key is then limited by its class, if that has a limit.
    ///
    /// One round trip.
    ///
    /// - Parameter name: the limit's name.
    /// - Returns: whether there was such a limit.
    /// - Throws: ``QueueError``.
    @discardableResult public func removeLimit(_ name: String) async throws(QueueError) -> Bool {
        try await change(RedisArguments("remove", try Self.checked(name)))
    }

    /// Lists the limits and the keys that are held by name, with usage and waiters.
    ///
    /// Two round trips.
    ///
    /// - Parameters:
    ///   - name: where to start, behind this name; `nil` starts at the beginning.
    ///   - most: the most limits of the page, 1 to 200.
    /// - Returns: the page; empty when the queue does not exist.
    /// - Throws: ``QueueError``.
    public func limits(after name: String? = nil, limit most: Int = 100) async throws(QueueError) -> LimitPage {
        guard let parts = try await read(.read, RedisArguments("limit_names")) else { return LimitPage(limits: []) }
        guard parts.count == 3, let all = parts[2].array else { throw .broken("read", .array(parts)) }
        let names = all.compactMap(\.string)
            .filter { (name ?? "").utf8.lexicographicallyPrecedes($0.utf8) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let page = names.prefix(min(max(most, 1), Self.mostListed))
        guard let last = page.last else { return LimitPage(limits: []) }
        var arguments = RedisArguments("limits")
        for name in page { arguments.append(name) }
        guard let found = try await read(.read, arguments) else { return LimitPage(limits: []) }
        return LimitPage(
            limits: found.dropFirst(2).compactMap { LimitStatus($0) }, next: names.count > page.count ? last : nil)
    }

    /// Reads a limit or a key, with the jobs that hold it; of a class with its busiest keys.
    ///
    /// One round trip.
    ///
    /// - Parameter name: a key, or `<class>:*`.
    /// - Returns: what is known of it; `nil` where neither a limit nor a job has to do with it.
    /// - Throws: ``QueueError``.
    public func limit(named name: String) async throws(QueueError) -> LimitStatus? {
        guard let parts = try await read(.read, RedisArguments("limit", try Self.checked(name))) else { return nil }
        guard parts.count == 5, let holders = parts[3].array, let keys = parts[4].array else {
            throw .broken("read", .array(parts))
        }
        guard var status = LimitStatus(parts[2]) else { return nil }
        status.holders = LimitStatus.holders(holders)
        status.keys = stride(from: 0, to: keys.count - 2, by: 3).compactMap { at in
            guard let name = keys[at].string else { return nil }
            return LimitStatus.Key(
                name: name, usage: keys[at + 1].placeInMilliseconds ?? 0, waiting: keys[at + 2].placeInMilliseconds ?? 0
            )
        }
        return status
    }

    /// The most limits of one page.
    static let mostListed = 200

    private func set(
        _ name: String, _ part: String, _ limit: QueueLimit, until: String
    ) async throws(QueueError) {
        var arguments = RedisArguments("set", try Self.checked(name), part)
        let rate = limit.rate
        for number in [limit.concurrency, rate?.count, rate?.per.inMilliseconds, rate?.burst] {
            arguments.append(number.map { String($0) } ?? "")
        }
        arguments.append(until)
        _ = try await change(arguments)
    }

    /// Sends a change; whether there is such a limit.
    private func change(_ arguments: RedisArguments) async throws(QueueError) -> Bool {
        let value = try await run(.limit, recording(arguments))
        switch value.array?.first?.string {
        case "ok": return true
        case "missing": return false
        case "bad":
            let what = value.array?.last?.string ?? "?"
            if what == "limits" {
                let message = "the queue \(name) has \(LimitName.most) limits already; remove some"
                throw QueueError(.refused(.tooManyLimits(LimitName.most)), message: message)
            }
            throw .badLimit(what)
        default: throw .broken("limit", value)
        }
    }

    private static func checked(_ name: String) throws(QueueError) -> String {
        guard LimitName.isValid(name) else { throw .badLimit("name") }
        return name
    }

    /// The end of an override or a pause for the script.
    private static func end(_ until: Date?, _ time: Duration?) throws(QueueError) -> String {
        switch (until, time) {
        case (nil, nil): return ""
        case (let until?, nil): return "@\(until.roundedUpMilliseconds)"
        case (nil, let time?): return "\(time.inMilliseconds)"
        default: throw .badLimit("until")
        }
    }
}

extension QueueError {
    /// The error of a value that a limit cannot have.
    fileprivate static func badLimit(_ what: String) -> QueueError {
        QueueError(.refused(.badLimit(what)), message: "\(what) of the limit \(Self.rule(ofLimit: what))")
    }

    /// The rule for a value of a limit, phrased to follow its name.
    package static func rule(ofLimit what: String) -> String {
        switch what {
        case "name": LimitName.rule
        case "concurrency": "must be a whole number from 0 to \(Schema.mostLimitValue)"
        case "count", "burst": "must be a whole number from 1 to \(Schema.mostLimitValue)"
        case "per": "must be a time from 1 ms to a year"
        case "until": "must be a time in the next 365 days, or a number of seconds that it lasts, not both"
        case "empty": "needs concurrency, a rate, or both"
        default: "is not one that a limit can have"
        }
    }
}
