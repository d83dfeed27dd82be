// Mistakes in what the scripts do with damaged jobs, with foreign keys, and when a queue is emptied and deleted.

@testable import MartletQueue

extension Mutant {
    static let ofDamage = [
        Mutant(
            "a foreign key stops the sweep of leases", .sweep, "local f = look('HMGET', key,",
            "local f = call('HMGET', key,"
        ),
        Mutant(
            "a foreign key stops promotions", .promote, "local job = look('HMGET',", "local job = call('HMGET',"),
        Mutant("a foreign key stops beats", .beat, "local job = look('HMGET',", "local job = call('HMGET',"),
        Mutant("a foreign key stops verbs", .control, "local f = look('HMGET',", "local f = call('HMGET',"),
        Mutant("a foreign key stops reads", .read, "local hash = look('HGETALL',", "local hash = call('HGETALL',"),
        Mutant(
            "a foreign key stops a page of the audit", .audit, "    local f = look('HMGET',",
            "    local f = call('HMGET',"),
        Mutant("a foreign key stops retention", .finish, "local f = look('HMGET',", "local f = call('HMGET',"),
        Mutant("retention deletes a foreign key", .finish, "    if f.err then return repair(id, index, true) end\n"),
        Mutant("a foreign key stops pushes", .enqueue, "local stored = look('HMGET',", "local stored = call('HMGET',"),
        Mutant(
            "a priority that is no number stops its queue", .values,
            "local function priority_of(text) return text and whole(text, -1000, 1000) or 0 end",
            "local function priority_of(text) return text and tonumber(text) or 0 end"),
        Mutant(
            "a count that is no number makes no poison", .values,
            "local function counter_of(text) return text and whole(text, 0, 2147483647) or 0 end",
            "local function counter_of(text) return text and tonumber(text) or 0 end",
            survives:
                "the count of losses is read by a pattern first, and failures that are no number are never more than "
                + "the retries, which other tests see"),
        Mutant(
            "a job whose type is lost vanishes when it falls due", .promote,
            "if not job[1] and (job.err or call('HLEN', JOB .. id) == 0) then", "if not job[1] then"),
        Mutant(
            "a job whose type is lost vanishes with its worker", .sweep,
            "if f.err or call('HLEN', key) == 0 then return repair(id, ACTIVE, true) end",
            "return repair(id, ACTIVE, true)"),
    ]

    static let ofRemoval = [
        Mutant(
            "a queue with jobs is deleted", .remove, "if answer[3] + answer[4] + answer[5] == 0 then", "if true then"),
        Mutant(
            "a running job does not keep its queue", .remove, "if answer[3] + answer[4] + answer[5] == 0 then",
            "if answer[3] + answer[5] == 0 then"),
        Mutant(
            "a drain leaves what waits for its time", .remove, "{ QUEUED, DELAYED, PAUSED }, cancel",
            "{ QUEUED, PAUSED }, cancel"),
        Mutant(
            "a drain leaves what is paused", .remove, "{ QUEUED, DELAYED, PAUSED }, cancel",
            "{ QUEUED, DELAYED }, cancel"),
        Mutant(
            "a drain cancels a job that runs", .remove, "    if live(f[2]) then return repair(id, index, false) end\n"),
        Mutant(
            "a step has no bound", .remove, "call('ZRANGE', indexes[i], 0, most - done - 1)",
            "call('ZRANGE', indexes[i], 0, -1)"),
        Mutant(
            "any number of queues is registered", .register,
            "if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end\n"),
    ]
}
