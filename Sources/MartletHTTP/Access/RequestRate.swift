// A limit of requests in a time: the generic cell rate algorithm (GCRA) as a value.

/// So many requests in a window of time; what was used comes back evenly.
struct RequestRate: Sendable, Hashable {
    /// The most requests at once.
    let quota: Int
    /// How long it takes until a used quota is whole again.
    let window: Duration

    /// What was decided about a request.
    struct Decision: Sendable, Hashable {
        var isAllowed: Bool
        /// How many more requests are allowed at once.
        var remaining: Int
        /// After how many seconds the quota is whole again, or, of a refused request, another one is allowed; rounded up.
        var seconds: Int
    }

    /// Decides about a request.
    ///
    /// - Parameters:
    ///   - whole: when the quota of the caller is whole again; `nil` when it is. Changed by an allowed request.
    ///   - now: the time.
    func decide<Instant: InstantProtocol>(
        _ whole: inout Instant?, now: Instant
    ) -> Decision where Instant.Duration == Duration {
        let step = window / quota
        let start = max(whole ?? now, now)
        let next = start.advanced(by: step)
        let used = now.duration(to: next)
        // One request is always allowed where nothing is used, whatever the division left over.
        guard used <= window || start == now else {
            return Decision(isAllowed: false, remaining: 0, seconds: Self.seconds(used - window))
        }
        whole = next
        return Decision(
            isAllowed: true, remaining: max(0, Int((window - used) / step + 1e-6)), seconds: Self.seconds(used))
    }

    /// Whole seconds, rounded up, at least one.
    private static func seconds(_ time: Duration) -> Int {
        let parts = time.components
        return max(1, Int(parts.seconds) + (parts.attoseconds > 0 ? 1 : 0))
    }

    /// The value of the header `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    var policy: String { "\"default\";q=\(quota);w=\(Int(window.components.seconds))" }
}

extension RequestRate.Decision {
    /// The value of the header `RateLimit`.
    var header: String { "\"default\";r=\(remaining);t=\(seconds)" }
}
