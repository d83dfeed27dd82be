// The reply of an operation as text: as the model predicts it, and as the store gives it.

import FoundationEssentials
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Model {
    /// Applies the operation and predicts the reply.
    mutating func perform(_ operation: Operation) -> String {
        hasNewHead = false
        sawEnd = false
        notedOpening = nil
        beginCall()
        switch operation {
        case .push(let jobs): return "\(push(jobs))"
        case .pushAtomically(let jobs): return "\(pushAtomically(jobs))"
        case .pushRaw(let id, let terms): return Words.refusal(id: id, terms: terms)
        case .claim(let request):
            let claimed = claim(request)
            return words(claimed)
        case .settle(let ends):
            let settled = settle(ends)
            reopen()
            return "\(settled) stops \(stops)"
        case .turn(let ends, let request):
            let settled = "\(settle(ends)) stops \(stops)"
            reopen()
            let claimed = claim(request)
            // Jobs queued by the settlements may still wake a worker.
            sawEnd = false
            return settled + "; " + words(claimed)
        case .heartbeat(let worker, let info, let lease, let heartbeats):
            return "\(heartbeat(worker, info: info, lease: lease, heartbeats)) stops \(stops)"
        case .control(let verb, let ids):
            defer { reopen() }
            return control(verb, ids.map(\.description)).map { "\($0)" } ?? "refused"
        case .retryWith(let payload, let id):
            defer { reopen() }
            return "\([retry(id.description, with: payload)])"
        case .edit(let payload, let verb, let id):
            defer { reopen() }
            return edit(id.description, to: payload, verb).map { "\([$0])" } ?? "refused"
        case .limit(let name, let limit):
            setLimit(name, limit)
            return "ok"
        case .configure(let words): return configure(words.map { ($0.name, $0.value) }) ?? "ok"
        case .sweep:
            let swept = sweep()
            return Words.swept(swept.promoted, swept.forgotten, swept.takenBack)
        case .look(let ids): return ids.map { words(of: $0.description) }.joined(separator: "\n")
        case .list: return "\(listing)"
        case .swallowed(let inner):
            _ = perform(inner)
            return "lost"
        case .pause, .resume, .pauseAll, .resumeAll, .clock, .flushScripts, .restart:
            steer(operation)
            return "ok"
        }
    }

    private mutating func steer(_ operation: Operation) {
        switch operation {
        case .pause(let reason): pause = Pause(reason: reason, by: "tester", at: now)
        case .resume: pause = nil
        case .pauseAll(let reason):
            globalVersion += 1
            pauseOfAll = Pause(reason: reason, by: "tester", at: now)
        case .resumeAll:
            globalVersion += 1
            pauseOfAll = nil
        case .clock(let by): now += by
        default: break
        }
    }

    private func words(_ claimed: Claimed) -> String {
        let jobs = claimed.jobs.compactMap { id, waited in
            self.jobs[id].map { job in
                Words.claimed(
                    "\(id) \(job.claims):\(claimed.nonce)", job.type, job.payload, job.priority, job.failures,
                    job.lostInARow,
                    job.maxRetries, job.timeout, job.checkpoint, waited)
            }
        }
        return Words.claim(claimed.status, jobs, claimed.lease, claimed.nextDue, stops)
    }

    private func words(of id: String) -> String {
        guard let job = jobs[id] else { return "\(id) none" }
        let attempt = job.state == .active || job.state == .completed ? job.failures + 1 : job.failures
        return Words.record(
            id, job.state, job.priority, job.maxRetries, [job.claims, job.failures, job.lost, attempt],
            job.state == .completed ? nil : job.error, job.progress, job.wanted?.stop,
            [
                job.claimedAt, job.state.isFinal ? Int(job.score) : nil,
                job.index == .delayed ? Int(job.score) : nil, job.index == .active ? Int(job.score) : nil,
            ])
    }

    /// All jobs: the unfinished ones by index, then the finished ones, newest first.
    private var listing: [String] {
        let open: [JobIndex] = [.active, .queued, .blocked, .delayed, .paused]
        let ended = jobs.filter { $0.value.state.isFinal }
            .sorted { ($0.value.score, $0.key) > ($1.value.score, $1.key) }.map(\.key)
        return open.flatMap { line($0) } + ended
    }
}

/// The texts of replies, the same for both sides.
enum Words {
    static func refusal(id: String, terms: String) -> String {
        let isName = (1...128).contains(id.utf8.count) && JobID(id) != nil
        guard isName else { return "invalid id" }
        let parts = terms.split(separator: " ", omittingEmptySubsequences: false)
        guard let last = parts.last, parts.count >= 3, UInt(last) != nil else { return "refused" }
        let isWhole = Int(parts.dropLast(2).joined(separator: " ")).map { abs($0) <= 1000 } ?? false
        let isMoment = parts.dropLast().last?.hasPrefix("@") ?? false
        return isWhole ? (isMoment ? "invalid run_at" : "invalid delay") : "invalid priority"
    }

    static func claim(
        _ status: ClaimReply.Status, _ jobs: [String], _ lease: Int, _ nextDue: Int?, _ stops: Int
    ) -> String {
        "\(status) lease \(lease) next \(nextDue.map(String.init) ?? "-") stops \(stops) \(jobs)"
    }

    static func claimed(
        _ who: String, _ type: String, _ payload: [UInt8], _ priority: Int, _ failures: Int, _ lost: Int,
        _ maxRetries: Int, _ timeout: Int?, _ checkpoint: [UInt8]?, _ waited: Int?
    ) -> String {
        "\(who) \(type) \(payload) \(priority) \(failures) \(lost) \(maxRetries) \(timeout ?? -1) \(checkpoint ?? []) "
            + "\(waited ?? -1)"
    }

    static func swept(_ promoted: Int, _ forgotten: Int, _ takenBack: [String: JobState]) -> String {
        let back = takenBack.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "promoted \(promoted) forgotten \(forgotten) back \(back)"
    }

    /// `counts` are claims, failures, lost and attempt; `times` are start, end, due and lease.
    static func record(
        _ id: String, _ state: JobState, _ priority: Int, _ maxRetries: Int, _ counts: [Int], _ error: String?,
        _ progress: String?, _ wanted: StopReason?, _ times: [Int?]
    ) -> String {
        let wanted = wanted.map { "\($0)" } ?? "-"
        return "\(id) \(state) \(priority) \(maxRetries) \(counts) \(error ?? "-") \(progress ?? "-") \(wanted) "
            + "\(times.map { $0.map(String.init) ?? "-" })"
    }
}
