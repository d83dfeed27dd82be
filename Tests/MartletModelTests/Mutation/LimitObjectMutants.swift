// Mistakes in the limits as operators set and see them, and short stories that notice them.

import MartletJSON
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Mutant {
    static let ofLimitObjects = [
        Mutant("any name is one of a limit", .limit, "limit-name", .removed),
        Mutant("an end may have passed", .limit, "limit-past", .replaced(" or wait < 1", "")),
        Mutant("there are any number of limits", .limit, "limit-count", .always),
        Mutant("a change is not noted", .limit, "limit-noted", .removed),
        Mutant("a limit is not written", .limit, "limit-stored", .removed),
        Mutant("the plan does not hear of limits", .limit, "limit-counted", .never),
        Mutant("nobody hears of limits", .limit, "limit-told", .removed),
        Mutant("numbers of limits have no bounds", .limit, "limit-values", .never),
        Mutant("a limit may limit nothing", .limit, "limit-nothing", .removed),
        Mutant("an override never ends", .limitwords, "override-over", .removed),
        Mutant("a pause never ends", .limitwords, "pause-over", .never),
        Mutant("a limit that says nothing stays", .limitwords, "limit-empty", .removed),
        Mutant("words of other versions are lost", .limitwords, "limit-unknown", .removed),
        Mutant("the base value is shown as what is in force", .limitwords, "override", .removed),
        Mutant("a full limit opens by itself", .limitstatus, "opening-never", .replaced("-1", "0")),
        Mutant(
            "an opening that has come is a time", .limitstatus, "opening-now", .replaced("at > q.now and at or 0", "at")
        ),
        Mutant("a key without a limit is one", .limitstatus, "status-nothing", .removed),
        Mutant("limits that are over are listed", .limitstatus, "list-says", .becomes("local says = true")),
        Mutant(
            "keys of an earlier claim count", .usage, "held-claim",
            .replaced("tonumber(claims) == claims_of(job.k)", "true")),
        Mutant(
            "a key is open whoever waits for it", .limitstatus, "status-opening", .replaced("noted or ", "")),
        Mutant("any number of holders is told", .limitstatus, "holders-bound", .removed),
    ]
}

extension RealStore {
    /// What the script answers, with blanks between its words; `error` where it refuses the call.
    fileprivate func limit(_ words: String...) async -> String {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        let parts = try? await queue.run(.limit, arguments).array
        return parts?.map { $0.string ?? $0.int.map(String.init) ?? "?" }.joined(separator: " ") ?? "error"
    }

    /// All words of the entries of a stream.
    fileprivate func words(of stream: String) async throws -> [String] {
        let entries = try await command("XRANGE", key(stream), "-", "+").array ?? []
        return entries.flatMap { $0.array?.last?.array?.compactMap(\.string) ?? [] }
    }

    fileprivate func plan() async throws -> String {
        try await command("HGET", key("meta"), "plan").string ?? ""
    }
}

extension Scenario {
    static let ofLimitObjects = [
        Scenario(name: "what no limit can have is refused") { real in
            let names = ["host", "host: a", "host:a ", "host:a\nb", "Host:a"]
            for name in names {
                guard await real.limit("set", name, "base", "1", "", "", "", "") == "bad name" else { return false }
            }
            guard await real.limit("set", "h:a", "base", "1000001", "", "", "", "") == "bad concurrency",
                await real.limit("set", "h:a", "base", "", "0", "1", "", "") == "bad count",
                await real.limit("set", "h:a", "base", "", "", "", "", "") == "bad empty",
                await real.limit("set", "h:a", "override", "1", "", "", "", "0") == "bad until",
                await real.limit("pause", "h:a", "@\(RealStore.start)", "", "") == "bad until"
            else { return false }
            return try await real.command("EXISTS", real.key("limits")).int == 0
        },
        Scenario(name: "a limit comes into the plan and goes out of it") { real in
            guard await real.limit("set", "type:a", "base", "1", "", "", "", "") == "ok 1",
                try await real.plan().contains("limited=3"), await real.limit("remove", "type:a") == "ok 1"
            else { return false }
            return try await !real.plan().contains("limited")
        },
        Scenario(name: "an override and a pause end by themselves") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 1))
            try await real.queue.setLimit("h:*", to: QueueLimit(concurrency: 2))
            try await real.queue.overrideLimit("h:a", with: QueueLimit(concurrency: 5), for: .seconds(1))
            try await real.queue.pauseLimit("h:b", for: .seconds(1))
            guard try await real.queue.limit(named: "h:a")?.inForce == QueueLimit(concurrency: 5),
                case .at = try await real.queue.limit(named: "h:b")?.opening
            else { return false }
            try await real.setClock(RealStore.start + 2000)
            let limit = try await real.queue.limit(named: "h:a")
            guard limit?.override == nil, limit?.inForce == QueueLimit(concurrency: 1) else { return false }
            guard try await real.queue.limits().limits.map(\.name) == ["h:*", "h:a"] else { return false }
            let key = try await real.queue.limit(named: "h:b")
            return key?.pause == nil && key?.source == "h:*"
        },
        Scenario(name: "a limit of which nothing is left goes, and words of other versions stay") { real in
            _ = await real.limit("pause", "h:a", "", "", "")
            guard await real.limit("resume", "h:a") == "ok 1",
                try await real.command("EXISTS", real.key("limits")).int == 0
            else { return false }
            try await real.command("HSET", real.key("limits"), "h:a", "c=1 z=9")
            _ = await real.limit("set", "h:a", "base", "2", "", "", "", "")
            return try await real.command("HGET", real.key("limits"), "h:a").string == "c=2 z=9"
        },
        Scenario(name: "there are ten thousand limits at most") { real in
            try await real.queue.create()
            for start in stride(from: 0, to: LimitName.most, by: 1000) {
                var arguments = RedisArguments("HSET", real.key("limits"))
                for number in start..<start + 1000 {
                    arguments.append("h:\(number)")
                    arguments.append("c=1")
                }
                _ = try await real.store.redis.send(.command(arguments))
            }
            return await real.limit("set", "h:more", "base", "1", "", "", "", "") == "bad limits"
        },
        Scenario(name: "a change of a limit is recorded and told") { real in
            let author = TrailAuthor([("who", "ada")], entries: 100)
            _ = try await real.queue.run(.configure, RedisArguments("listen", "600000", ""))
            try await real.queue.recorded(as: author).setLimit("h:a", to: QueueLimit(concurrency: 1))
            let (trail, events) = (try await real.words(of: "trail"), try await real.words(of: "events"))
            return trail.contains("now:concurrency") && events.contains("#configured")
        },
        Scenario(name: "the next opening is that of the facts") { real in
            try await real.queue.setLimit("h:full", to: QueueLimit(concurrency: 1))
            let rate = LimitRate(count: 1, per: .seconds(10), burst: 2)
            try await real.queue.setLimit("h:rate", to: QueueLimit(rate: rate))
            let keys: [LimitKey] = ["h:full", "h:rate"]
            _ = try await real.queue.enqueue(keys.map { NewJob(type: "t", payload: [1], limits: [$0]) })
            _ = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2))
            guard try await real.queue.limit(named: "h:full")?.opening == .notByTime,
                try await real.queue.limit(named: "h:rate")?.opening == .now
            else { return false }
            return try await real.queue.limit(named: "h:none") == nil
        },
        Scenario(name: "up to five jobs that hold a key now are told") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 9))
            _ = try await real.queue.enqueue((0..<7).map { _ in NewJob(type: "t", payload: [1]) })
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 7)).jobs
            for (index, job) in jobs.enumerated() {
                let held = index == 0 ? ("lh", "9\n1 h:a") : ("lk", "1 h:a")
                try await real.command("HSET", real.key("job:\(job.id)"), held.0, held.1)
            }
            let holders = try await real.queue.limit(named: "h:a")?.holders.map(\.job) ?? []
            return holders.count == 5 && !holders.contains(jobs[0].id)
        },
    ]
}
