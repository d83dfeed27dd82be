// The mutants about damaged jobs, foreign keys, and the draining and deletion of queues.

@testable import MartletQueue

extension Mutant {
    static let ofDamage = [
        Mutant(
            "a foreign key stops the sweep of leases", .sweep, "sweep-look",
            .replaced("read_job(q, id, LOST)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, LOST))")),
        Mutant(
            "a foreign key stops promotions", .promote, "promote-look",
            .replaced("read_job(q, id, PROMOTED)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, PROMOTED))")),
        Mutant(
            "a foreign key stops heartbeats", .heartbeat, "heartbeat-look",
            .replaced("read_job(q, id, HELD_JOB)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, HELD_JOB))")),
        Mutant(
            "a foreign key stops verbs", .control, "control-look",
            .replaced("read_job(q, id, JUDGED)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, JUDGED))")),
        Mutant("a foreign key stops searches", .read, "scan-look", .replaced("look('HMGET'", "call('HMGET'")),
        Mutant("a foreign key stops reads", .read, "read-look", .replaced("look('HGETALL'", "call('HGETALL'")),
        Mutant(
            "a foreign key stops a page of the audit", .audit, "audit-look",
            .replaced("read_job(q, id, AUDITED)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, AUDITED))")),
        Mutant(
            "a foreign key stops retention", .finish, "retention-look",
            .replaced("read_job(q, id, DIGEST)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, DIGEST))")),
        Mutant("retention deletes a foreign key", .finish, "retention-foreign", .removed),
        Mutant(
            "a foreign key stops pushes", .enqueue, "push-look",
            .replaced("read_job(q, id, KNOWN)", "(call('HLEN', q.keys.job .. id) and read_job(q, id, KNOWN))")),
        Mutant(
            "a priority that is no number stops its queue", .values, "priority",
            .replaced("whole(text, LEAST_PRIORITY, MOST_PRIORITY)", "tonumber(text)")),
        Mutant(
            "a count that is no number makes no poison", .values, "counter",
            .replaced("whole(text, 0, MOST_COUNT)", "tonumber(text)"),
            survives:
                "the count of losses is read by a pattern first, and failures that are no number are never more than "
                + "the retries, which other tests see"),
        Mutant(
            "a job whose type is lost vanishes when it falls due", .promote, "promote-gone",
            .replaced("not job.t and is_gone(q, job)", "not job.t")),
        Mutant(
            "a job whose type is lost vanishes with its worker", .sweep, "sweep-gone",
            .becomes("do return repair(q, job.id, 'active', true) end")),
    ]

    static let ofRemoval = [
        Mutant("a queue with jobs is deleted", .remove, "delete-empty", .never),
        Mutant(
            "a running job does not keep its queue", .remove, "delete-empty",
            .replaced("answer[3] + answer[4] + answer[5]", "answer[3] + answer[5]")),
        Mutant(
            "a drain leaves what waits for its time", .remove, "drain",
            .replaced("WAITING", "{ 'queued', 'paused' }")),
        Mutant("a drain leaves what is paused", .remove, "drain", .replaced("WAITING", "{ 'queued', 'delayed' }")),
        Mutant("a drain cancels a job that runs", .remove, "drain-running", .removed),
        Mutant("a step has no bound", .remove, "remove-bound", .replaced("most - done - 1", "-1")),
        Mutant("any number of queues is registered", .global, "register-room", .removed),
    ]
}
