// The wall clock that all processes of a benchmark share, and times as sorted lists.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The clock by which every process of a benchmark stamps its events.
enum BenchClock {
    /// Seconds since 1970, to the nanosecond as far as a double goes (a quarter of a microsecond).
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Blocks this thread for so many seconds.
    static func pause(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }

    /// The processor time of this process, in seconds.
    static var ownCPU: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Times, sorted, of which every one is kept: percentiles are exact.
struct Samples: Sendable, Equatable {
    /// In ascending order.
    let sorted: [Double]

    init(_ values: [Double]) { sorted = values.sorted() }

    var count: Int { sorted.count }

    /// The smallest value that at least `share` of all values do not exceed (nearest rank); `nil` without values.
    func percentile(_ share: Double) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let rank = Int((share * Double(count)).rounded(.up))
        return sorted[min(max(rank, 1), count) - 1]
    }

    /// The usual ones, of seconds, as milliseconds.
    var milliseconds: [BenchMetric: Double] {
        var metrics: [BenchMetric: Double] = [:]
        metrics[.p50] = percentile(0.5).map { $0 * 1000 }
        metrics[.p99] = percentile(0.99).map { $0 * 1000 }
        metrics[.min] = sorted.first.map { $0 * 1000 }
        metrics[.max] = sorted.last.map { $0 * 1000 }
        return metrics
    }
}
