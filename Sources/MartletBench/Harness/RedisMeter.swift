// What Redis counts of itself: commands, bytes, memory and processor time, as differences between two looks.

/// What `INFO everything` said at one moment.
struct RedisReading: Sendable, Equatable {
    /// How often each command was called, also by scripts.
    var calls: [String: Int] = [:]
    var bytesIn = 0
    var bytesOut = 0
    var memory = 0
    /// Seconds of the processor, of all threads.
    var cpu = 0.0

    /// Commands that the benchmark itself sends.
    private static let own: Set<String> = ["info", "flushall", "ping", "auth", "select", "client|setinfo"]

    init() {}

    /// Reads the text of `INFO everything`.
    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let pair = line.split(separator: ":", maxSplits: 1)
            guard pair.count == 2 else { continue }
            switch pair[0] {
            case "total_net_input_bytes": bytesIn = Int(pair[1]) ?? 0
            case "total_net_output_bytes": bytesOut = Int(pair[1]) ?? 0
            case "used_memory": memory = Int(pair[1]) ?? 0
            case "used_cpu_sys", "used_cpu_user": cpu += Double(pair[1]) ?? 0
            default:
                guard pair[0].hasPrefix("cmdstat_"), pair[1].hasPrefix("calls=") else { continue }
                let name = String(pair[0].dropFirst(8))
                if !Self.own.contains(name) { calls[name] = Int(pair[1].dropFirst(6).prefix { $0.isNumber }) ?? 0 }
            }
        }
    }

    /// What happened from `earlier` to this reading.
    func since(_ earlier: RedisReading) -> RedisReading {
        var difference = RedisReading()
        for (name, count) in calls where count > earlier.calls[name, default: 0] {
            difference.calls[name] = count - earlier.calls[name, default: 0]
        }
        difference.bytesIn = bytesIn - earlier.bytesIn
        difference.bytesOut = bytesOut - earlier.bytesOut
        difference.memory = memory - earlier.memory
        difference.cpu = cpu - earlier.cpu
        return difference
    }

    /// What each job cost, when this is a difference.
    func perJob(_ jobs: Int) -> [BenchMetric: Double] {
        let jobs = Double(max(1, jobs))
        let scripts = calls.filter { name, _ in
            name.hasPrefix("eval") || name.hasPrefix("fcall")
        }.values.reduce(0, +)
        return [
            .commands: Double(calls.values.reduce(0, +)) / jobs, .scripts: Double(scripts) / jobs,
            .bytesIn: Double(bytesIn) / jobs, .bytesOut: Double(bytesOut) / jobs, .redisCPU: cpu / jobs * 100_000,
        ]
    }
}
