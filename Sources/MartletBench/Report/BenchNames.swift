// What systems and values are called in a report, and how numbers are written.

/// How a report calls a system.
enum BenchNames {
    private static let known = [
        BenchSystem.own: "Martlet", "bound": "one Redis core", "arq": "arq", "bullmq": "BullMQ (Python)",
        "celery": "Celery", "dramatiq": "Dramatiq", "huey": "huey", "rq": "RQ", "saq": "SAQ", "sidekiq": "Sidekiq",
        "streaq": "streaq", "taskiq": "taskiq",
    ]
    /// Systems that pop a job before they run it, so that a crash loses it.
    private static let unsafe: Set = ["sidekiq", "huey"]

    /// The system's name, marked when it can lose jobs.
    static func system(_ name: String) -> String { (known[name] ?? name) + (unsafe.contains(name) ? " (no ack)" : "") }
}

extension BenchMetric {
    /// Whether a larger value is the better one.
    var isBetterWhenLarger: Bool {
        switch self {
        case .jobsPerSecond, .jobsPerCPU, .requestsPerSecond, .bytesPerSecond, .change, .bound, .jobs, .rate: true
        default: false
        }
    }

    /// A value with its unit, three digits of it.
    func text(_ value: Double) -> String {
        switch self {
        case .jobsPerSecond, .jobsPerCPU, .requestsPerSecond, .bound, .rate: BenchNumber.text(value) + "/s"
        case .p50, .p99, .max, .min, .goal, .milliseconds: BenchNumber.text(value) + " ms"
        case .seconds, .redisCPU, .workerCPU, .pusherCPU, .serverCPU: BenchNumber.text(value) + " s"
        case .redisTime: BenchNumber.text(value) + " µs"
        case .memory, .bytesIn, .bytesOut: BenchNumber.text(value) + " B"
        case .bytesPerSecond: BenchNumber.text(value / 1_048_576) + " MiB/s"
        case .ratioToBound, .redisBusy, .loadBusy: BenchNumber.text(value * 100) + " %"
        case .change: (value > 0 ? "+" : "") + BenchNumber.text(value * 100) + " %"
        default: BenchNumber.text(value)
        }
    }

    /// A median with its ends, where there are several runs.
    func text(_ spread: BenchSpread) -> String {
        let middle = text(spread.median)
        let (low, high) = (bare(spread.min), bare(spread.max))
        return low == high ? middle : "\(middle) (\(low)–\(high))"
    }

    /// A value without its unit.
    private func bare(_ value: Double) -> String {
        let text = text(value)
        return text.split(separator: " ").first.map { $0.hasSuffix("/s") ? String($0.dropLast(2)) : String($0) } ?? text
    }
}

/// Formats numbers for a report.
enum BenchNumber {
    /// Formats three significant digits: `123,000`, `12,300`, `123`, `12.3`, `1.23`, `0.123`.
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let size = value.magnitude
        let sign = value < 0 ? "−" : ""
        guard size >= 0.0005 else { return "0" }
        var unit = 0.001
        while size >= unit * 999.5 { unit *= 10 }
        let digits = unit > 0.5 ? 0 : unit > 0.05 ? 1 : unit > 0.005 ? 2 : 3
        return sign + decimal((size / unit).rounded() * unit, digits: digits)
    }

    /// A number that is not negative with so many digits after the point, and commas between thousands.
    static func decimal(_ value: Double, digits: Int) -> String {
        let scale = [1, 10, 100, 1000][min(digits, 3)]
        let scaled = Int((value * Double(scale)).rounded())
        let fraction = String(scaled % scale + scale).dropFirst()
        return grouped(scaled / scale) + (digits > 0 ? "." + fraction : "")
    }

    private static func grouped(_ number: Int) -> String {
        let text = String(number)
        let head = text.count % 3
        var groups = head > 0 ? [String(text.prefix(head))] : []
        var rest = text.dropFirst(head)
        while !rest.isEmpty {
            groups.append(String(rest.prefix(3)))
            rest = rest.dropFirst(3)
        }
        return groups.joined(separator: ",")
    }
}
