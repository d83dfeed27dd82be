// The operations of a run as values, so that a list of them is the whole run.

import FoundationEssentials
import MartletJobs

@testable import MartletQueue

/// One step of a run.
enum Operation: Sendable {
    case push([NewJob])
    case pushAtomically([NewJob])
    /// Bypasses the checks of the client: an id and the terms as the script gets them.
    case pushRaw(id: String, terms: String)
    case claim(ClaimRequest)
    case settle([Settlement])
    case turn([Settlement], ClaimRequest)
    case heartbeat(worker: String, info: String?, lease: Int?, [Heartbeat])
    case control(ControlVerb, [JobID])
    case retryWith([UInt8], JobID)
    /// A change of a job by `patch`, with another payload.
    case edit([UInt8], ControlVerb, JobID)
    case configure([Setting])
    /// Sets a limit, or removes it.
    case limit(String, Model.Limit?)
    case pause(reason: String)
    case resume
    case pauseAll(reason: String)
    case resumeAll
    case sweep
    /// Moves the clock forwards or backwards, in ms.
    case clock(Int)
    case look([JobID])
    case list
    case flushScripts
    /// Kills Redis and starts it again.
    case restart
    /// The command is executed and its reply is lost with the connection.
    indirect case swallowed(Operation)

    struct Setting: Sendable {
        var name: String
        var value: Int
    }
}

extension Operation {
    /// The script whose reply can be lost; `nil` if it is not a single script.
    var script: QueueScript? {
        switch self {
        case .push, .pushAtomically: .enqueue
        case .claim, .settle, .turn: .turn
        case .heartbeat: .heartbeat
        case .control, .retryWith, .edit: .control
        case .sweep: .sweep
        default: nil
        }
    }
}

extension Operation: CustomStringConvertible {
    var description: String {
        switch self {
        case .push(let jobs): "push \(jobs.map(Self.words).joined(separator: ", "))"
        case .pushAtomically(let jobs): "push atomically \(jobs.map(Self.words).joined(separator: ", "))"
        case .pushRaw(let id, let terms): "push raw '\(id)' '\(terms)'"
        case .claim(let request): Self.words(request)
        case .settle(let ends): "settle \(ends.map(Self.words).joined(separator: ", "))"
        case .turn(let ends, let request):
            "turn: settle \(ends.map(Self.words).joined(separator: ", ")); \(Self.words(request))"
        case .heartbeat(let worker, let info, let lease, let heartbeats):
            "heartbeat \(worker) \(info ?? "") \(lease.map { "lease \($0) " } ?? "")\(heartbeats.map { "\($0.id) \($0.token)" }.joined(separator: ", "))"
        case .control(let verb, let ids): "\(verb) \(ids.map(\.description).joined(separator: " "))"
        case .retryWith(let payload, let id): "retry \(id) with \(payload)"
        case .edit(let payload, let verb, let id): "edit \(id) to \(payload), \(verb)"
        case .configure(let words): "set \(words.map { "\($0.name) \($0.value)" }.joined(separator: ", "))"
        case .limit(let name, let limit): "limit \(name) \(limit?.text ?? "removed")"
        case .pause(let reason): "pause the queue: \(reason)"
        case .resume: "resume the queue"
        case .pauseAll(let reason): "pause all: \(reason)"
        case .resumeAll: "resume all"
        case .sweep: "sweep"
        case .clock(let by): "clock by \(by) ms"
        case .look(let ids): "look at \(ids.map(\.description).joined(separator: " "))"
        case .list: "list"
        case .flushScripts: "SCRIPT FLUSH"
        case .restart: "kill and restart Redis"
        case .swallowed(let operation): "lose the reply to: \(operation)"
        }
    }

    private static func words(_ job: NewJob) -> String {
        var text = "\(job.id)"
        if job.priority != 0 { text += " priority \(job.priority)" }
        if job.delay != .zero { text += " delay \(job.delay)" }
        if let moment = job.runAt { text += " at \(moment.timeIntervalSince1970)" }
        if job.maxRetries != 3 { text += " retries \(job.maxRetries)" }
        if let timeout = job.timeout { text += " timeout \(timeout)" }
        if let key = job.uniqueKey { text += " unique \(key)" }
        if let digest = job.digest { text += " digest \(digest)" }
        if !job.limits.isEmpty { text += " limits \(job.limits.map { "\($0.name)=\($0.weight)" })" }
        return text
    }

    private static func words(_ request: ClaimRequest) -> String {
        "claim \(request.worker) #\(request.number) \(request.nonce) up to \(request.upTo), \(request.lastChances) in their last chance"
            + (request.lease.map { ", lease \($0)" } ?? "")
    }

    private static func words(_ end: Settlement) -> String { "\(end.id) \(end.token) \(end.outcome)" }
}
