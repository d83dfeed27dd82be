#!lua flags=allow-oom
-- A worker's turn: ends attempts, each with the proof that its worker still holds the job, then hands out jobs, highest
-- priority first, oldest first within one priority; what is due is promoted before.
--
-- ARGV: worker, call number, nonce, how many to hand out (0 for none, at most 128), how many of them may be jobs in
-- their last chance (lost as often in a row as leaves one more before poison), n, then n times id and token of
-- attempts that completed and have nothing more to say, then for each other attempt six words: id, token, outcome,
-- delay ms or empty, output or error, progress or empty. At most 500 attempts.
-- Outcomes: `completed`, `failed` (delay = wait before the retry), `permanent`, `crashed` (its process died), `release`,
-- `snooze`. A `release` with an error is that of a job whose type the worker does not know: kept with the job, with since when.
-- A `snooze` with an error says why the job waits, which is kept with it.
-- Answer: status, lease ms, ms until the next due job or -1, stops counter, now ms, nonce, a list of position (from 1, in
-- the order of ARGV) and verdict for those attempts that did not simply become `completed`, then four words for each job
-- handed out: id, claims, the place in line it had (empty in a replay), hash as flat list. Its token is
-- `<claims>:<nonce>`.
-- Status: `ok`, `paused`, `full`, `stale` (a later call of this worker was executed already).
-- Verdict: the new state, or {`duplicate`, state} or {`fenced`} or {`gone`}.
-- A repeated call number hands out the jobs of the first call that still hold its token, and nothing new.
-- Cost: 2 commands; 4 more to settle, two of them with a share for each job, and HGET for each, HSET too where finished
-- jobs are kept; 6 to 7 more to claim, two of them with a share for each job, and HGETALL and HSET for each, O(log n) in
-- the indexes; from 16 jobs on OBJECT, and two writes where `active` is still a list. An attempt with another outcome, or
-- a job with a unique key, a digest or a wanted stop: HMGET once or twice and one to three writes more. Where jobs are
-- paused or delayed, one ZMSCORE each with a share for each job.
--@ names prelude
if REFUSED then return REFUSED end

-- What the common turn does without. Every call makes all functions anew, and each local that one of them refers to costs
-- more than the function: 25 functions came to as much as ten commands. In here they are made only when needed, and with
-- names of their own this one refers to little.
local function rarely()
    --@ names values order places dues due wake alarm locate changes finish promote attempts claims
    return {
        settlement = settlement, commit = commit, trim = trim, promote = promote, replay = replay, examined = examined,
        next_due = next_due, wake = wake, wake_for_due = wake_for_due,
    }
end
local rare

local worker, nonce = ARGV[1], ARGV[3]
local asked, plain, words = tonumber(ARGV[4]), tonumber(ARGV[6]), #ARGV
local number = tonumber(ARGV[2])
-- Numbers for commands are given as text where there is one: to make one of a number costs as much as a command.
if not (number and number >= 0 and asked and asked >= 0 and asked <= 128 and plain and plain >= 0 and plain <= 500)
    or (asked > 0 and (number < 1 or number > 2 ^ 53 or not find(nonce, '^%w+$'))) or number % 1 + asked % 1 + plain % 1 ~= 0 then
    return redis.error_reply('BADARG turn')
end
local verdicts = {}
local results, size = { 'ok', lease, -1, stops, stamp, nonce, verdicts }, 7

-- Attempts that end.
local released, freed, earliest = 0, 0, nil
if words > 6 then
    local keeps = completed_age > 0 and completed_count > 0
    local ended, tally, settle = {}, { ready = 0, completed = 0 }, nil
    local ids, keys, tokens, places, n = {}, {}, {}, {}, 0
    local looked_at, is_odd = nil, false
    for i = 7, 6 + 2 * plain, 2 do
        local id, token = ARGV[i], ARGV[i + 1]
        local key = JOB .. id
        -- The jobs of a claim share a token, so its form is looked at once; `is_token` says why.
        if token ~= looked_at then looked_at, is_odd = token, byte(token) == 45 or byte(token, -1) == 42 end
        if not is_odd and look('HGET', key, 'k') == token and not ended[id] then
            ended[id] = token
            n = n + 1
            ids[n], keys[n], tokens[n] = id, key, token
        else
            rare = rare or rarely()
            settle = settle or rare.settlement(ended, tally)
            local result = settle(id, token, 'completed', nil, '', '')
            if result ~= 'completed' then verdicts[#verdicts + 1], verdicts[#verdicts + 2] = (i - 5) / 2, result end
        end
    end
    freed = plain
    for i = 7 + 2 * plain, words, 6 do
        rare = rare or rarely()
        settle = settle or rare.settlement(ended, tally)
        local delay = whole(ARGV[i + 3], 0, MAX_WAIT)
        local result = settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], delay, ARGV[i + 4], ARGV[i + 5])
        freed = freed + 1
        if result ~= 'completed' then verdicts[#verdicts + 1], verdicts[#verdicts + 2] = freed, result end
    end
    -- Destinations before sources, deaths counted last.
    if n > 0 and keeps then
        for i = 1, n do places[2 * i - 1], places[2 * i] = stamp, ids[i] end
        call('ZADD', COMPLETED, unpack(places))
        for i = 1, n do call('HSET', keys[i], 'k', '-' .. tokens[i]) end
    elseif n > 0 then
        call('UNLINK', unpack(keys))
    end
    if n > 0 then
        call('ZREM', ACTIVE, unpack(ids))
        local many = n == plain and ARGV[6] or n
        call('HINCRBY', META, 'completed', many)
        if not keeps then call('HINCRBY', META, 'deleted', many) end
    end
    if settle then rare.commit() end
    -- What leaves makes room: as many old ones go as came in, twice, so that a backlog shrinks.
    local completed = n + tally.completed
    if completed > 0 and completed_count > 0 and call('ZCARD', COMPLETED) > completed_count then
        rare = rare or rarely()
        rare.trim(COMPLETED, 'completed', min(200, 2 * completed))
        rare.commit()
    end
    released, earliest = tally.ready, tally.earliest
end

-- Jobs that begin.
local last = asked > 0 and call('HGET', CLAIMS, worker)
local last_number = last and tonumber(match(last, '^%d+')) or 0
local room, listed, promoted, n = asked, 0, 0, 0
if asked > 0 and number <= last_number then
    -- Executed before: nothing new is handed out.
    room = 0
    rare = rare or rarely()
    if number == last_number then rare.replay(last, results) else results[1] = 'stale' end
elseif asked > 0 then
    -- An entry may stand in two indexes only after a script was cut short; looked for only where that is possible.
    local is_alone, due = call('EXISTS', DELAYED, PAUSED) == 0, nil
    if not is_alone then
        rare = rare or rarely()
        due = rare.next_due()
        if due == 0 then
            promoted = rare.promote(max(200, 2 * asked))
            due = rare.next_due()
        end
    end
    if halted then
        results[1], room = 'paused', 0
    elseif limit > 0 then
        room = min(room, limit - call('ZCARD', ACTIVE))
        if room <= 0 then results[1], room = 'full', 0 end
    end

    -- One more than there is room for: it tells whether the line goes on.
    local line = room > 0 and call('ZRANGE', QUEUED, '0', room == asked and ARGV[4] or room, 'WITHSCORES') or {}
    listed = #line / 2
    if listed > room then
        line[2 * listed - 1], line[2 * listed] = nil, nil
    end
    local elsewhere = nil
    if line[1] and not is_alone then
        local all = {}
        elsewhere = {}
        for i = 1, #line, 2 do all[#all + 1] = line[i] end
        local paused, delayed = call('ZMSCORE', PAUSED, unpack(all)), call('ZMSCORE', DELAYED, unpack(all))
        for i = 1, #all do elsewhere[all[i]] = paused[i] or delayed[i] end
    end

    local ids, keys, tokens, active, gone = {}, {}, nil, {}, 0
    local till, first_token, stamped_at = format('%.0f', now + lease), '1:' .. nonce, ' ' .. stamp
    for i = 1, #line, 2 do
        local id, place = line[i], line[i + 1]
        local key = JOB .. id
        local hash = look('HGETALL', key)
        local claims, token = 1, nil
        -- Just type, payload and perhaps a priority: a common job that was never claimed. All others are looked at.
        local is_common, has = not elsewhere, #hash
        if is_common and has == 6 then
            local one, two, three = hash[1], hash[3], hash[5]
            local priority = whole((one == 'r' and hash[2]) or (two == 'r' and hash[4]) or (three == 'r' and hash[6]), -1000, 1000)
            is_common = priority and (one == 't' or two == 't' or three == 't') and (one == 'p' or two == 'p' or three == 'p')
            if is_common then
                place = tonumber(place) + priority * step
                place = format(place % 1 == 0 and '%.0f' or '%.17g', place)
            end
        elseif is_common then
            local one, two = hash[1], hash[3]
            is_common = has == 4 and (one == 't' or two == 't') and (one == 'p' or two == 'p')
        end
        if not is_common then
            rare = rare or rarely()
            claims, token, place = rare.examined(id, place, hash, nonce, elsewhere and elsewhere[id])
            tokens = tokens or {}
            tokens[id] = token
        end
        if claims then
            n = n + 1
            ids[n], keys[n] = id, key
            active[2 * n - 1], active[2 * n] = till, id
            results[size + 1], results[size + 2], results[size + 3], results[size + 4] = id, claims, place, hash
            size = size + 4
        else
            gone = gone + 1
        end
    end
    if gone > 0 then
        rare.commit()
        due = rare.next_due()
    end
    if n > 0 then
        -- Into `active` before the token is written, and out of line last: cut short in between, a job is found and
        -- repaired.
        -- Redis keeps a small sorted set as a list and looks through all of it for each entry that is added: with a
        -- hundred in it that costs more than all else of a claim. One long entry makes a tree of it, also when that
        -- entry has gone again. No job's id has this character.
        local long, form = nil, n >= 16 and look('OBJECT', 'ENCODING', ACTIVE)
        if n >= 16 and (not form or form == 'listpack') then
            long = string.rep('!', 65)
            call('ZADD', ACTIVE, till, long)
        end
        call('ZADD', ACTIVE, unpack(active))
        if long then call('ZREM', ACTIVE, long) end
        for i = 1, n do
            call('HSET', keys[i], 'k', tokens and tokens[ids[i]] or first_token, 'at', results[4 * i + 6] .. stamped_at)
        end
        call('ZREMRANGEBYRANK', QUEUED, '0', n - 1)
    end
    call('HSET', CLAIMS, worker, ARGV[2] .. ' ' .. nonce .. ' ' .. table.concat(ids, ' '))
    if n < asked then
        -- The line goes on behind entries that were not handed out: worth another look at once.
        results[3] = gone > 0 and n < room and listed > room and 0 or due or -1
    end
    -- Whoever sees the line's end takes the tokens away: they are for nobody.
    if listed <= room then
        call('DEL', WAKE)
        released, promoted, freed = 0, 0, 0
    end
end

-- Who else has to look: for jobs that came into line, and where the queue has a limit for the room that was made.
local came = released + promoted - n
if limit > 0 and freed > n then came = max(came, min(freed - n, call('ZCARD', QUEUED))) end
if came > 0 or earliest then
    rare = rare or rarely()
    rare.wake(came)
    rare.wake_for_due(earliest)
end
return results
