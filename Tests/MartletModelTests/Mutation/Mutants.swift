// Mistakes to plant in the scripts, one at a time: what a careless change could break, and the tests must notice.

@testable import MartletQueue

/// One mistake.
struct Mutant: Sendable, CustomStringConvertible {
    /// What it breaks.
    var description: String
    var change: Change
    /// Why nothing can notice it, where that is so.
    var survives: String?

    init(
        _ description: String, _ file: ScriptFile, _ text: String, _ replacement: String = "", survives: String? = nil
    ) {
        self.description = description
        change = Change(file: file, text: text, replacement: replacement)
        self.survives = survives
    }

    static let all =
        ofPushes + ofTurns + ofAttempts + ofClaims + ofTheEnd + ofChanges + ofBeats + ofSweeps + ofControl + ofSettings
        + ofDamage + ofRemoval + ofOrder

    private static let ofPushes = [
        Mutant(
            "a push is not counted", .enqueue,
            "call('HINCRBY', META, 'created', ready + scheduled == 1 and '1' or ready + scheduled)"),
        Mutant(
            "another digest is the same job", .enqueue,
            "if stored[1] ~= (digest or false) then return { 'conflict' } end"),
        Mutant("a tombstone is not looked at", .enqueue, "return buried == digest and { 'deleted' } or { 'conflict' }"),
        Mutant("a unique key is not looked at", .enqueue, "if holder then return { 'unique', holder } end"),
        Mutant("a unique key may come twice in one push", .enqueue, "if job.u then taken[job.u] = id end"),
        Mutant(
            "half of an atomic push stays", .enqueue,
            "if is_atomic and no[1] ~= 'exists' and no[1] ~= 'deleted' then return { 'refused', j, no[1], no[2] or '' } end"
        ),
        Mutant("a push does not say when it was", .enqueue, "    call('HSET', META, 'clock', place)\n"),
        Mutant("a delay is ignored", .enqueue, "if job and job.delay > 0 then", "if false then"),
        Mutant("a push wakes nobody", .enqueue, "wake(ready)"),
        Mutant("a delayed push wakes nobody", .enqueue, "if earliest then rare.wake_for_due(earliest) end"),
        Mutant("any priority will do", .enqueue, "whole(priority, -1000, 1000)", "whole(priority, -100000, 100000)"),
        Mutant(
            "any id will do", .enqueue, "if #id > 128 or not find(id, '^[%w._:-]+$') or not find(id, '[^.]') then",
            "if false then"),
        Mutant(
            "what is no number is one", .prelude, "if not text or not find(text, '^%-?%d+$') then return nil end",
            "if not tonumber(text) then return nil end"),
    ]

    private static let ofTurns = [
        Mutant(
            "any token completes a job", .turn, "look('HGET', key, 'k') == token and not ended[id] then",
            "look('HGET', key, 'k') and not ended[id] then"),
        Mutant(
            "a job completes twice in one call", .turn, "look('HGET', key, 'k') == token and not ended[id] then",
            "look('HGET', key, 'k') == token then"),
        Mutant(
            "a star from outside hides what the end has to look at", .turn,
            "byte(token) == 45 or byte(token, -1) == 42 end", "byte(token) == 45 end"),
        Mutant(
            "a minus from outside completes what has ended", .turn, "byte(token) == 45 or byte(token, -1) == 42 end",
            "byte(token, -1) == 42 end"),
        Mutant(
            "any nonce will do", .turn, "(number < 1 or number > 2 ^ 53 or not find(nonce, '^%w+$'))", "number < 1"),
        Mutant("a completed job stays active", .turn, "        call('ZREM', ACTIVE, unpack(ids))\n"),
        Mutant(
            "a completed job keeps its token", .turn, "call('HSET', keys[i], 'k', '-' .. tokens[i])",
            "call('HSET', keys[i], 'k', tokens[i])"),
        Mutant(
            "a job that is not kept is not counted", .turn,
            "if not keeps then call('HINCRBY', META, 'deleted', many) end"),
        Mutant("a completion is not counted", .turn, "call('HINCRBY', META, 'completed', many)"),
        Mutant("a pause is ignored", .turn, "    if halted then\n", "    if false then\n"),
        Mutant(
            "the limit is for each call", .turn, "room = min(room, limit - call('ZCARD', ACTIVE))",
            "room = min(room, limit)"),
        Mutant(
            "an older call is executed", .turn, "if asked > 0 and number <= last_number then",
            "if asked > 0 and number == last_number then"),
        Mutant(
            "a repeated call is executed again", .turn, "if asked > 0 and number <= last_number then",
            "if asked > 0 and number < last_number then"),
        Mutant(
            "a claim is not remembered", .turn,
            "    call('HSET', CLAIMS, worker, ARGV[2] .. ' ' .. nonce .. ' ' .. table.concat(ids, ' '))\n"),
        Mutant("a claimed job stays in line", .turn, "        call('ZREMRANGEBYRANK', QUEUED, '0', n - 1)\n"),
        Mutant(
            "one too many leaves the line", .turn, "call('ZREMRANGEBYRANK', QUEUED, '0', n - 1)",
            "call('ZREMRANGEBYRANK', QUEUED, '0', n)"),
        Mutant(
            "a lease is over at once", .turn, "local till, first_token, stamped_at = format('%.0f', now + lease)",
            "local till, first_token, stamped_at = format('%.0f', now)"),
        Mutant("a claim promotes nothing", .turn, "        if due == 0 then\n", "        if false then\n"),
        Mutant("what comes back wakes nobody", .turn, "local came = released + promoted - n", "local came = 0"),
        Mutant(
            "room that was made wakes nobody", .turn,
            "if limit > 0 and freed > n then came = max(came, min(freed - n, call('ZCARD', QUEUED))) end"),
        Mutant("tokens for nobody stay", .turn, "        call('DEL', WAKE)\n"),
        Mutant("a backlog of finished jobs never shrinks", .turn, "min(200, 2 * completed)", "min(200, completed)"),
        Mutant("finished jobs are not trimmed", .turn, "call('ZCARD', COMPLETED) > completed_count", "false"),
    ]

    private static let ofAttempts = [
        Mutant(
            "any token ends an attempt", .attempts,
            "        if not is_held(stored, token) then return { 'fenced' } end\n"),
        Mutant(
            "a spent token is as good as new", .values, "return byte(token) ~= 45 and byte(token, -1) ~= 42",
            "return byte(token, -1) ~= 42"),
        Mutant(
            "a token with a star is as good as one without", .values,
            "return byte(token) ~= 45 and byte(token, -1) ~= 42", "return byte(token) ~= 45"),
        Mutant(
            "a repeat is called stale", .attempts,
            "        if stored == '-' .. token then return { 'duplicate', locate(id, stored) or 'gone' } end\n"),
        Mutant(
            "an attempt ends twice in one call", .attempts,
            "        if ended[id] then return ended[id] == token and { 'duplicate', 'gone' } or { 'fenced' } end\n"),
        Mutant(
            "a wanted cancel is forgotten", .attempts, "        if wants(job[4], 'cancel') then\n",
            "        if false then\n"),
        Mutant(
            "a wanted pause is forgotten", .attempts, "        if wants(job[4], 'pause') then\n",
            "        if false then\n"),
        Mutant(
            "a stop stays wanted of an ended job", .attempts,
            "        if job[4] then write('HDEL', JOB .. id, 'w') end\n"),
        Mutant("a stop stays wanted of a paused job", .attempts, "            write('HDEL', key, 'w')\n"),
        Mutant(
            "one retry too few", .attempts, "failures > (whole(more[1], 0, 100) or DEFAULT_RETRIES)",
            "failures >= (whole(more[1], 0, 100) or DEFAULT_RETRIES)"),
        Mutant("a retry does not wait", .attempts, "return due_at(now + delay, id), true", "return now, false"),
        Mutant(
            "a job with progress keeps its token", .attempts,
            "write('HSET', key, 'k', '-' .. token, 'g', progress, ...)", "write('HSET', key, 'g', progress, ...)"),
        Mutant(
            "a failed job keeps its token", .attempts, "write('HSET', key, 'k', '-' .. token, ...)",
            "write('HSET', key, 'k', token, ...)"),
        Mutant(
            "since when a type is unknown begins again each time", .attempts, "local since = more[6] or stamp",
            "local since = stamp"),
        Mutant(
            "a type that became known stays unknown", .attempts,
            "        if more[6] and not is_unknown then write('HDEL', key, 's') end\n"),
        Mutant(
            "a job that is put off does not say why", .attempts,
            "            if body ~= '' then return put_back(id, token, job, more[3], more[4], due, waits, progress, 'e', body) end\n"
        ),
        Mutant(
            "a release loses its place", .attempts, "local due, waits = place_of(more[4]), false",
            "local due, waits = nil, false"),
    ]

    private static let ofClaims = [
        Mutant("a replay renews no lease", .claims, "            move(id, nil, ACTIVE, now + lease)\n"),
        Mutant(
            "a replay shows what others hold", .claims, "if live(token) and match(token, ':([^*]*)') == nonce and",
            "if live(token) and"),
        Mutant("the fencing number starts again", .claims, "local claims = claims_of(job.k) + 1", "local claims = 1"),
        Mutant("a token hides a unique key", .claims, "((job.u or job.d) and '*' or '')", "''"),
        Mutant(
            "a claim forgets the priority of a place", .claims,
            "    if job.r then place = digits(tonumber(place) + tonumber(job.r) * step) end\n"),
        Mutant("a spent token counts no claims", .values, "match(token, '^%-?(%d+)')", "match(token, '^(%d+)')"),
        Mutant(
            "priorities count the wrong way later", .values, "return t - priority_of(priority) * step",
            "return t + priority_of(priority) * step"),
        Mutant(
            "the clock may go back later", .places, "    if latest < now then\n", "    if latest ~= now then\n"),
        Mutant(
            "the last claim's time is lost", .values,
            "return digits(place) .. (at and match(at, ' %d+$') or '')", "return digits(place)"),
        Mutant("a promoted job stays delayed", .promote, "    in_chunks('ZREM', DELAYED, gone)\n"),
        Mutant(
            "a promoted job loses its priority", .promote,
            "priority and score(promoted_place(id, tonumber(due[i + 1]), priority), priority) or due[i + 1]",
            "due[i + 1]"),
        Mutant(
            "what is not due is promoted", .promote, "call('ZRANGE', DELAYED, '-inf', '(' .. format('%.0f', now + 1),",
            "call('ZRANGE', DELAYED, '-inf', '+inf',"),
        Mutant(
            "an entry in two indexes is claimed", .claims, "if live(job.k) or is_elsewhere then",
            "if live(job.k) then"),
        Mutant(
            "a corrupt job is handed out", .claims,
            "if not job.t or not job.p or not (job.r == nil or whole(job.r, -1000, 1000)) then", "if false then"),
        Mutant(
            "a ghost is handed out", .claims, "    if #hash == 0 then return repair(id, QUEUED, true) end\n"),
    ]

    private static let ofTheEnd = [
        Mutant(
            "a unique key is never free again", .finish,
            "if key and call('HGET', UNIQUE, key) == id then write('HDEL', UNIQUE, key) end"),
        Mutant(
            "a unique key is freed for whoever holds it", .finish, "if key and call('HGET', UNIQUE, key) == id then",
            "if key then",
            survives:
                "a job that ends holds its key: it got it when it was pushed or retried, and only its own end frees "
                + "it. The look is for damage alone."),
        Mutant("a deleted id leaves no digest", .finish, "        write('HSET', TOMBS, id, digest)\n"),
        Mutant("a deleted id leaves no tombstone", .finish, "        write('ZADD', TOMB, now + TOMB_MS, id)\n"),
        Mutant("a deletion is not counted", .finish, "    count('deleted', 1)\n"),
        Mutant("an end is not counted", .finish, "    count(name, 1)\n"),
        Mutant("jobs not to be kept by number are kept", .finish, "if age == 0 or most == 0 then", "if age == 0 then"),
        Mutant("the last minute is not spared", .finish, "now - FRESH_MS", "now"),
        Mutant(
            "finished jobs go before their time", .finish, "call('ZRANGE', index, '-inf', now - age,",
            "call('ZRANGE', index, '-inf', now,"),
    ]

    private static let ofChanges = [
        Mutant(
            "nothing leaves where it was", .changes,
            "    for index, list in pairs(removed) do in_chunks('ZREM', index, list) end\n"),
        Mutant("a moved job stays where it was", .changes, "if from and from ~= to then push(removed, from, id) end"),
        Mutant(
            "counts are lost", .changes, "    for name, by in pairs(counts) do call('HINCRBY', META, name, by) end\n"),
        Mutant(
            "a forgotten job's hash stays", .changes,
            "    for i = 1, #dropped, CHUNK do call('UNLINK', unpack(dropped, i, min(i + CHUNK - 1, #dropped))) end\n"),
        Mutant(
            "the latest place is not kept", .changes, "    if stamped then call('HSET', META, 'clock', stamped) end\n"),
        Mutant(
            "a paused queue wakes workers", .wake, "if n <= 0 or halted then return end", "if n <= 0 then return end"),
        Mutant("wake tokens pile up", .wake, "    n = min(n, WAKE_LIMIT - call('LLEN', WAKE))\n"),
        Mutant(
            "a new head of those that wait wakes nobody", .alarm,
            "if due >= 0 and now + due >= floor(earliest) then wake(1) end"),
    ]

    private static let ofBeats = [
        Mutant("progress does not say when it was", .beat, "'g', progress, 'v', stamp)", "'g', progress)"),
        Mutant(
            "any token beats", .beat, "is_held(job[1], token) and tonumber(call('ZSCORE', ACTIVE, id))",
            "tonumber(call('ZSCORE', ACTIVE, id))"),
        Mutant("a wanted stop does not end renewals", .beat, "    if since then till = min(till, since + lease) end\n"),
        Mutant(
            "a timeout does not end renewals", .beat,
            "    if timeout and started then till = min(till, started + timeout + floor(lease / 3)) end\n"),
        Mutant(
            "a checkpoint does not end the count of losses", .beat,
            "            if lost > 0 then write('HSET', key, 'l', lost .. ' ' .. lost) end\n"),
        Mutant("a checkpoint hides the losses before it", .beat, "lost .. ' ' .. lost", "0"),
        Mutant(
            "all losses count towards poison", .values, "return all, max(0, all - before), before",
            "return all, all, before"),
        Mutant("every beat writes a lease", .beat, "if till - now < lease * 2 / 3 then", "if true then"),
        Mutant("a beat shortens a lease", .beat, "            if new > till then\n", "            if true then\n"),
        Mutant("a wanted stop is not told", .beat, "want and { left, want } or left", "left"),
    ]

    private static let ofSweeps = [
        Mutant("a loss does not say when it was", .sweep, "'l', lost, 'v', stamp)", "'l', lost)"),
        Mutant(
            "no grace after an outage", .sweep,
            "if not swept or now - swept > QUIET_MS or now < swept then grace = now + lease end"),
        Mutant("no grace when the clock goes back", .sweep, " or now < swept then", " then"),
        Mutant(
            "poison is tried for ever", .sweep,
            "    if in_a_row >= (find(f[2], ':i') and MAX_LOST_APART or MAX_LOST) then\n", "    if false then\n"),
        Mutant(
            "a cancelled job of a dead worker runs again", .sweep, "    if wants(f[3], 'cancel') then\n",
            "    if false then\n"),
        Mutant(
            "a paused job of a dead worker runs again", .sweep, "    if wants(f[3], 'pause') then\n",
            "    if false then\n"),
        Mutant(
            "a dead worker's token lives", .sweep, "local spent = '-' .. claims_of(f[2]) .. ':'", "local spent = f[2]"),
        Mutant("a stop stays wanted of a job taken back", .sweep, "    if f[3] then write('HDEL', key, 'w') end\n"),
        Mutant(
            "a held job is taken back", .sweep, "call('ZRANGE', ACTIVE, '-inf', now,",
            "call('ZRANGE', ACTIVE, '-inf', '+inf',"),
        Mutant("a tombstone's digest stays", .sweep, "    write('HDEL', TOMBS, unpack(buried))\n"),
        Mutant(
            "workers are forgotten while they work", .sweep, "if (tonumber(seen) or 0) < now - SILENT_MS then",
            "if (tonumber(seen) or 0) < now then"),
        Mutant(
            "who claims without a beat is forgotten", .sweep, "if number and number ~= noted then", "if false then"),
        Mutant("what a sweep promotes wakes nobody", .sweep, "wake(ready)"),
        Mutant(
            "room made by a sweep wakes nobody", .sweep,
            "if limit > 0 and #over > 0 then ready = max(ready, call('ZCARD', QUEUED)) end"),
    ]

    private static let ofControl = [
        Mutant(
            "a paused job forgets its priority's place", .control,
            "    if state == 'queued' then place = place + priority_of(job.r) * step end\n"),
        Mutant(
            "a pause undoes a cancel", .control,
            "    if wants(job.w, 'cancel') then return what == 'cancel' and 'asked' or 'state' end\n"),
        Mutant(
            "a resume undoes a cancel", .control, "        if wants(job.w, 'cancel') then return 'state', state end\n"),
        Mutant(
            "a retry takes a key that another holds", .control,
            "        if holder and holder ~= id then return 'unique', holder end\n"),
        Mutant(
            "a retry keeps since when a type was unknown", .control,
            "write('HDEL', JOB .. id, 'f', 'l', 'e', 's')", "write('HDEL', JOB .. id, 'f', 'l', 'e')"),
        Mutant(
            "a change by hand does not say when it was", .control,
            "        if #dropped == 0 and (#writes > 0 or next(added)) then write('HSET', JOB .. id, 'v', stamp) end\n"),
        Mutant(
            "a retry keeps its payload", .control,
            "    if payload then write('HSET', JOB .. id, 'p', payload) end\n    return 'done', run_now",
            "    return 'done', run_now"),
        Mutant(
            "a queued job keeps its payload", .control,
            "        if payload then write('HSET', JOB .. id, 'p', payload) end\n        return 'done', 'queued'",
            "        return 'done', 'queued'"),
        Mutant("a retry does not take its key again", .control, "        write('HSET', UNIQUE, job.u, id)\n"),
        Mutant("a retry keeps its failures", .control, "    write('HDEL', JOB .. id, 'f', 'l', 'e', 's')\n"),
        Mutant(
            "a job is deleted before its end", .control,
            "    if index ~= COMPLETED and index ~= FAILED and index ~= CANCELLED then return 'state', state end\n"),
        Mutant(
            "a new priority counts the wrong way", .control, "(priority_of(job.r) - priority) * step",
            "(priority - priority_of(job.r)) * step"),
        Mutant("a new priority is not kept", .control, "        write('HSET', key, 'r', priority)\n"),
        Mutant(
            "nobody hears of a wanted stop", .control,
            "if stop_asked > 0 then call('HINCRBY', META, 'stops', stop_asked) end"),
        Mutant(
            "a token hides a wanted stop", .control, "'w', what .. ':' .. now, 'k', starred)",
            "'w', what .. ':' .. now)"),
        Mutant(
            "a resumed job does not wait for its time", .control,
            "    if is_early(place) then return 'done', wait(id, PAUSED, place, job.k) end\n"),
        Mutant(
            "an id named twice is judged by what it was", .control,
            "        if is_dry then pretend(id, f[5], results[#results]) else commit() end\n    end\nend\n",
            "    end\nend\ncommit()\n"),
        Mutant(
            "a dry run writes", .control, "if is_dry then pretend(id, f[5], results[#results]) else commit() end",
            "commit()"),
        Mutant("a dry run gives one key to two jobs", .control, "        taken[job.u] = id\n"),
        Mutant("what is resumed wakes nobody", .control, "\nwake(ready)\n", "\n"),
    ]

    private static let ofSettings = [
        Mutant(
            "the step changes under waiting jobs", .configure, "if ARGV[i] == 'step' and call('ZCARD', QUEUED) > 0",
            "if false"),
        Mutant("a pause is not in the plan", .configure, "'paused_at', now)\n    make_plan()\n", "'paused_at', now)\n"),
        Mutant("a resume is not in the plan", .configure, "'paused_at')\n    make_plan()\n", "'paused_at')\n"),
        Mutant(
            "a resume wakes nobody", .configure, "'paused_at')\n    make_plan()\n    wake(call('ZCARD', QUEUED))\n",
            "'paused_at')\n    make_plan()\n"),
        Mutant(
            "a higher limit wakes nobody", .configure, "    if limit ~= before then wake(call('ZCARD', QUEUED)) end\n"),
        Mutant("a bad setting is taken", .configure, "    if no then return no end\n"),
        Mutant(
            "a late pause of all counts", .configure,
            "    if version < (tonumber(call('HGET', META, 'global_version')) or 0) then return { 'ok' } end\n"),
        Mutant(
            "a newer queue is written to", .prelude, "or (meta[1] ~= '1' and { 'schema', meta[1] }) or nil", "or nil"),
        Mutant(
            "the environment wins over what was set", .configure,
            "elseif call('HGET', META, name .. '_env') ~= value then", "else"),
    ]
}
