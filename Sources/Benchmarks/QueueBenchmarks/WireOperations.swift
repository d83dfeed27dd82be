// What a script call costs before it is sent and after it was answered.

import Logging
import MartletJobs
import MartletQueue
import MartletRedis

/// The jobs of one call.
private let batch = 100

/// The operations of the transport and of the queue's wire forms.
func wireOperations() throws -> [Operation] {
    // Nobody runs the store: it only knows the names of its keys.
    let store = JobStore(
        redis: try RedisConfiguration(url: "redis://localhost"),
        logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() })
    let queue = store.queue(.default)
    let jobs = (0..<batch).map { _ in Samples.job() }
    let push = WireForms.push(jobs, to: queue)
    let settlements = jobs.map { Settlement(id: $0.id, token: Samples.token, outcome: .completed(output: nil)) }
    let claim = ClaimRequest(worker: "w", number: 1, upTo: batch)
    let reply = Samples.turnReply(jobs)
    let probe = try WireProbe(reply: Samples.resp(reply))
    return [
        Operation("MartletRedis", "encode PING") { probe.encode(.command("PING")) },
        Operation("MartletRedis", "encode a script call of 100 jobs") { probe.encode(push) },
        Operation("MartletRedis", "read a claim of 100 jobs") { try probe.read() },
        Operation("MartletQueue", "write a push of 100 jobs") { WireForms.push(jobs, to: queue) },
        Operation("MartletQueue", "write a push of one job") { WireForms.push([jobs[0]], to: queue) },
        Operation("MartletQueue", "write a turn of 100 settlements") {
            WireForms.turn(settlements, claim: claim, in: queue)
        },
        Operation("MartletQueue", "write a turn of 100 settlements and read 100 jobs") {
            try WireForms.turn(settlements, claim: claim, reply: reply)
        },
        Operation("MartletQueue", "write a push of one job and read the reply") {
            try WireForms.push([jobs[0]], reply: Samples.pushReply)
        },
    ]
}
