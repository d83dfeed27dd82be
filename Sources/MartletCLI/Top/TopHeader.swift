// The numbers above the table of `martlet top`, each with its age when it is old.

import MartletCommandSupport
import MartletJSON

extension TopState {
    /// The first line: the server, and whether its numbers are live.
    var titleLine: ScreenLine {
        let name = TextSpan("martlet top", .bold)
        let place = TextSpan("  \(server)  ")
        let live = isFrozen ? TextSpan("frozen, p continues", .warning) : TextSpan("live", .good)
        guard let loss else { return ScreenLine([name, place, live]) }
        let text = "LOST for \(Self.age(now - loss.since)), trying again: \(loss.reason)"
        return ScreenLine([name, place, TextSpan(text, .bad)])
    }

    /// The numbers of all queues, the workers and Redis.
    var numbers: [TextSpan] { queueNumbers + workerNumbers + redisNumbers }

    /// How old a part is, as ` (12s ago)`; empty while it is as new as it should be.
    func note(of part: TopPart) -> String {
        guard let loaded = parts[part] else { return "" }
        let age = now - loaded.time
        return age > part.interval + 2 ? " (\(Self.age(age)) ago)" : ""
    }

    private static func age(_ seconds: Double) -> String {
        seconds < 60 ? "\(HumanReadable.whole(seconds.rounded()))s" : HumanReadable.seconds(seconds)
    }

    private var queueNumbers: [TextSpan] {
        guard let loaded = parts[.queues] else { return [] }
        let queues = loaded.value["queues"].array ?? []
        func sum(_ index: String) -> Int { queues.reduce(0) { $0 &+ ($1["jobs"][index].int ?? 0) } }
        let waits = queues.compactMap { $0["oldest_wait_seconds"].double }
        let failed = sum("failed")
        let paused = queues.count { $0["paused"].bool == true }
        let damaged = loaded.value["damaged"].array?.count ?? 0
        let old = note(of: .queues)
        return [
            TextSpan(HumanReadable.count(queues.count, "queue") + old),
            paused > 0 ? TextSpan("\(paused) paused" + old, .warning) : nil,
            damaged > 0 ? TextSpan("\(damaged) unreadable" + old, .bad) : nil,
            TextSpan("\(sum("active")) active" + old), TextSpan("\(sum("queued")) queued" + old),
            TextSpan("\(sum("delayed")) delayed" + old),
            TextSpan("\(failed) failed" + old, failed > 0 ? .bad : .plain),
            TextSpan("oldest wait \(HumanReadable.seconds(waits.max() ?? 0))" + old),
            rates.rate(.completed).map { TextSpan("\(HumanReadable.tenths($0)) done/s" + old) },
            rates.rate(.failed).flatMap { rate in
                rate > 0 ? TextSpan("\(HumanReadable.tenths(rate)) failed/s" + old, .bad) : nil
            },
        ].compactMap(\.self)
    }

    private var workerNumbers: [TextSpan] {
        guard let loaded = parts[.workers], loaded.refusal == nil else { return [] }
        let live = (loaded.value["workers"].array ?? []).filter { $0["alive"].bool == true }
        let entries = live.flatMap { $0["queues"].array ?? [] }
        func sum(_ field: String) -> Int { entries.reduce(0) { $0 &+ max(0, $1["info"][field].int ?? 0) } }
        let text = "\(HumanReadable.count(live.count, "worker")), \(sum("busy")) of \(sum("slots")) slots busy"
        return [TextSpan(text + note(of: .workers), live.isEmpty ? .warning : .plain)]
    }

    private var redisNumbers: [TextSpan] {
        guard let loaded = parts[.system], loaded.refusal == nil else { return [] }
        let redis = loaded.value["redis"]
        let latency = redis["latency_seconds"].double.map { "\(HumanReadable.tenths($0 * 1000)) ms" }
        let limit = redis["memory_limit_bytes"].double.flatMap { $0 > 0 ? " of \(HumanReadable.bytes($0))" : nil } ?? ""
        let memory = redis["used_memory_bytes"].double.map { HumanReadable.bytes($0) + limit }
        let texts = [latency, memory].compactMap(\.self)
        guard !texts.isEmpty else { return [] }
        return [TextSpan("Redis \(texts.joined(separator: ", "))" + note(of: .system))]
    }
}

extension ScreenLine {
    /// Puts texts on lines, two spaces apart; a text that does not fit begins a new line.
    static func flowing(_ texts: [TextSpan], width: Int) -> [ScreenLine] {
        var lines: [ScreenLine] = []
        for text in texts {
            if let last = lines.last, last.text.columns + 2 + text.text.columns <= width {
                lines[lines.count - 1].spans += [TextSpan("  "), text]
            } else {
                lines.append(ScreenLine([text]))
            }
        }
        return lines
    }
}
