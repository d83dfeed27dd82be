-- A worker's turn: ends attempts, each with the proof that its worker still holds the job, then hands out jobs, highest
-- priority first, oldest first within one priority; what is due is promoted before.
--
-- needs: runtime values events changes wake limits usage waiters hooks finish promote groups attempts claims
-- args: worker, call number, nonce, how many to hand out (0 for none, at most 128), how many of them may be jobs in
-- their last chance (lost as often in a row as leaves one more before poison) and perhaps, behind a blank, the ms of their
-- lease in place of the queue's, n, then n times id and token of
-- attempts that completed and have nothing more to say, then for each other attempt six words: id, token, outcome,
-- delay ms or empty, output or error, progress or empty. At most 500 attempts.
-- Outcomes: `completed`, `failed` (delay = wait before the retry), `permanent`, `crashed` (its process died), `release`,
-- `snooze`, `throttled` and behind a blank the key that is held for the delay. Behind a failure stand, with blanks between
-- them, the fingerprint of the error and the worker or nothing; behind `crashed` before them the fingerprint that the error
-- has where the job is poison.
-- A `release` with an error is that of a job whose type the worker does not know: kept with the job, with since when.
-- A `snooze` with an error says why the job waits, which is kept with it.
-- Answer: status, lease ms, ms until the next due job or -1, stops counter, now ms, nonce, a list of position (from 1, in
-- the order of args) and verdict for those attempts that did not simply become `completed`, then four words for each job
-- handed out: id, claims, the place in line it had (empty in a replay), hash as flat list. Its token is
-- `<claims>:<nonce>`.
-- Status: `ok`, `paused`, `full`, `stale` (a later call of this worker was executed already).
-- Verdict: the new state, or {`duplicate`, state} or {`fenced`} or {`gone`}.
-- A repeated call number hands out the jobs of the first call that still hold its token, and nothing new.
-- Cost: 2 commands; 4 more to settle, two of them with a share for each job, and HGET for each, HSET too where finished
-- jobs are kept; 6 to 7 more to claim, two of them with a share for each job, and HGETALL and HSET for each, O(log n) in
-- the indexes; from 16 jobs on OBJECT, and two writes where `active` is still a list. An attempt with another outcome, or
-- a job that needs more: HMGET once or twice and one to three writes more, and with failures three
-- commands more. Where jobs are paused or delayed, one ZMSCORE each with a share for each job.
local MOST_CLAIMED, MOST_SETTLED = 128, 500
-- The words of an answer before those of the jobs.
local HEAD = 7

-- Whether the end of a job that is held has nothing more to look at than its limit keys, which are released then.
local function has_only_keys(q, key, stored, token, has_ended)
    if stored ~= token .. '*' or has_ended then return false end
    local more = look('HMGET', key, 'lk', 'lh', 'u', 'd', 'w')
    if more[3] or more[4] or more[5] then return false end --@ turn-only-keys
    limits.release(q, { k = stored, lk = more[1] or nil, lh = more[2] or nil })
    return true
end

-- Attempts that completed and have nothing more to say, of jobs that need no more: ids, keys and tokens of those that are
-- held. All others are settled one by one.
local function held(q, args, plain, tally, verdicts)
    local ended, prefix = tally.ended, q.keys.job
    local ids, keys, tokens, n = {}, {}, {}, 0
    local looked_at, is_odd = nil, false
    for i = 7, 6 + 2 * plain, 2 do
        local id, token = args[i], args[i + 1]
        local key = prefix .. id
        -- The jobs of a claim share a token, so its form is looked at once; `is_token` says why.
        if token ~= looked_at then
            looked_at, is_odd = token, byte(token) == 45 or byte(token, -1) == 42 --@ turn-token
        end
        local stored = not is_odd and look('HGET', key, 'k')
        local is_plain = stored == token or stored and has_only_keys(q, key, stored, token, ended[id]) --@ turn-held
        if is_plain and not ended[id] then --@ turn-once
            ended[id] = token
            n = n + 1
            ids[n], keys[n], tokens[n] = id, key, token
        else
            local result = settle(q, tally, id, token, 'completed', nil, '', '')
            if result ~= 'completed' then verdicts[#verdicts + 1], verdicts[#verdicts + 2] = (i - 5) / 2, result end
        end
    end
    return ids, keys, tokens, n
end

-- Destinations before sources, deaths counted last. Numbers for commands are given as text where there is one: to make
-- one of a number costs as much as a command.
local function complete(q, ids, keys, tokens, n, words)
    local keeps = q.completed_age > 0 and q.completed_count > 0
    if keeps then
        local places, stamp = {}, q.stamp
        for i = 1, n do places[2 * i - 1], places[2 * i] = stamp, ids[i] end
        call('ZADD', q.keys.completed, unpack(places))
        for i = 1, n do call('HSET', keys[i], 'k', '-' .. tokens[i]) end --@ turn-spent
    else
        call('UNLINK', unpack(keys))
    end
    call('ZREM', q.keys.active, unpack(ids)) --@ turn-removed
    local many = words or n
    call('HINCRBY', q.keys.meta, 'completed', many) --@ turn-completed
    if not keeps then call('HINCRBY', q.keys.meta, 'deleted', many) end --@ turn-deleted
    if not q.log then return end
    events.note_all(q, 'completed', ids) --@ turn-told
    if not keeps then events.note_all(q, 'deleted', ids) end
end

-- Ends attempts; the tally says how many there were, and what came into line.
local function end_attempts(q, args, plain, verdicts)
    local tally, words = new_tally(), #args
    local ids, keys, tokens, n = held(q, args, plain, tally, verdicts)
    tally.freed = plain
    for i = 7 + 2 * plain, words, 6 do
        local delay = whole(args[i + 3], 0, MAX_WAIT)
        local result = settle(q, tally, args[i], args[i + 1], args[i + 2], delay, args[i + 4], args[i + 5])
        tally.freed = tally.freed + 1
        if result ~= 'completed' then verdicts[#verdicts + 1], verdicts[#verdicts + 2] = tally.freed, result end
    end
    if n > 0 then complete(q, ids, keys, tokens, n, n == plain and args[6] or nil) end
    commit(q)
    groups.write(q)
    -- What leaves makes room: as many old ones go as came in, twice, so that a backlog shrinks.
    local completed = n + tally.completed
    if completed > 0 and q.completed_count > 0 and call('ZCARD', q.keys.completed) > q.completed_count then --@ turn-trims
        trim(q, 'completed', min(200, 2 * completed)) --@ turn-backlog
        commit(q)
    end
    return tally
end

-- The place of a common job that was never claimed: just type, payload and perhaps a priority. All others are looked at.
local function common_place(q, place, hash)
    local one, two, three = hash[1], hash[3], hash[5]
    local has = #hash
    if has == 4 then return (one == 't' or two == 't') and (one == 'p' or two == 'p') and place or nil end
    if has ~= 6 then return nil end
    local priority = whole(
        (one == 'r' and hash[2]) or (two == 'r' and hash[4]) or (three == 'r' and hash[6]), LEAST_PRIORITY, MOST_PRIORITY)
    local is_whole = (one == 't' or two == 't' or three == 't') and (one == 'p' or two == 'p' or three == 'p')
    if not priority or not is_whole then return nil end
    place = tonumber(place) + priority * q.step
    return format(place % 1 == 0 and '%.0f' or '%.17g', place)
end

-- A job that was never claimed and has a type, a payload and limit keys, and nothing more: just these keys. All others are
-- looked at.
local function common_keys(hash)
    if #hash ~= 6 then return nil end
    local one, two, three = hash[1], hash[3], hash[5]
    if not ((one == 't' or two == 't' or three == 't') and (one == 'p' or two == 'p' or three == 'p')) then return nil end
    return one == 'lk' and hash[2] or two == 'lk' and hash[4] or three == 'lk' and hash[6] or nil
end

-- The hashes of the jobs of a line, and with them, read at once, what is stored of their limit keys.
local function read_keys(q, line)
    local hashes, lists, has_common = {}, {}, q.limited % 4 < 2
    for i = 1, #line, 2 do
        local hash = look('HGETALL', q.keys.job .. line[i])
        local keys = has_common and common_keys(hash)
        local job = keys and { lk = keys } or by_name(line[i], hash)
        hashes[i], lists[i] = hash, (keys or job.t) and limits.note_keys(q, job) or {}
    end
    limits.load(q)
    return hashes, lists
end

-- Hands out the jobs of a line, at most as many as there is room for: `out` gets their ids, keys and own tokens behind those
-- that it has, and counts what was moved instead.
local function hand_out(q, claim, line, elsewhere, results, out)
    local ids, keys, n, room = out.ids, out.keys, out.n, out.room
    local size, prefix, has_common = HEAD + 4 * n, q.keys.job, q.limited % 4 < 2 --@ common-unlimited
    local hashes, lists
    if q.limited > 0 then hashes, lists = read_keys(q, line) end
    for i = 1, #line, 2 do
        if n == room then break end
        local id, place = line[i], line[i + 1]
        local key = prefix .. id
        local hash = hashes and hashes[i] or look('HGETALL', key)
        local is_alone = has_common and not (elsewhere and elsewhere[id])
        local claims, at = 1, is_alone and common_place(q, place, hash) or nil
        local keys_alone = not at and is_alone and common_keys(hash)
        if keys_alone then
            out.tokens = out.tokens or {}
            if on_claim(q, { id = id, lk = keys_alone, list = lists and lists[i] }, place) then
                claims = nil
            else
                at, out.tokens[id] = place, '1:' .. claim.nonce .. '*'
            end
        elseif not at then
            local token
            claims, token, at = examined(q, claim, id, place, hash, elsewhere and elsewhere[id])
            out.tokens = out.tokens or {}
            out.tokens[id] = token
        end
        if claims then
            n = n + 1
            ids[n], keys[n] = id, key
            results[size + 1], results[size + 2], results[size + 3], results[size + 4] = id, claims, at, hash
            size = size + 4
        else
            out.gone = out.gone + 1
        end
    end
    out.n = n
end

-- Looks further down the line when jobs have left it to wait for limits: others behind them may run. Says whether the line
-- goes on behind what was seen.
local function look_further(q, claim, results, out)
    while out.n < out.room and out.gone < MOST_MOVED do --@ further
        commit(q)
        local line = call('ZRANGE', q.keys.queued, out.n, out.n + FURTHER - 1, 'WITHSCORES')
        if not line[1] then return false end
        hand_out(q, claim, line, found_elsewhere(q, line), results, out)
    end
    commit(q)
    return call('ZCARD', q.keys.queued) > out.n
end

-- What listeners hear of the jobs that were handed out.
local function tell_started(q, worker, ids, n, results)
    for i = 1, n do
        local hash, kind = results[HEAD + 4 * i], ''
        for k = 1, #hash, 2 do
            if hash[k] == 't' then kind = hash[k + 1] end
        end
        events.note(q, 'started ' .. kind .. '\n' .. worker, ids[i]) --@ started-told
    end
end

-- Into `active` before the token is written, and out of line last: cut short in between, a job is found and repaired.
local function activate(q, claim, ids, keys, tokens, n, results)
    local active, till, entries = q.keys.active, format('%.0f', q.now + q.lease), {} --@ turn-lease
    for i = 1, n do entries[2 * i - 1], entries[2 * i] = till, ids[i] end
    -- Redis keeps a small sorted set as a list and looks through all of it for each entry that is added: with a hundred in
    -- it that costs more than all else of a claim. One long entry makes a tree of it, also when that entry has gone again.
    -- No job's id has this character.
    local long, form = nil, n >= 16 and look('OBJECT', 'ENCODING', active)
    if n >= 16 and (not form or form == 'listpack') then
        long = rep('!', 65)
        call('ZADD', active, till, long)
    end
    call('ZADD', active, unpack(entries))
    if long then call('ZREM', active, long) end
    local first_token, stamped_at = '1:' .. claim.nonce, ' ' .. q.stamp
    for i = 1, n do
        local token = tokens and tokens[ids[i]] or first_token
        call('HSET', keys[i], 'k', token, 'at', results[HEAD + 4 * i - 1] .. stamped_at)
    end
    call('ZREMRANGEBYRANK', q.keys.queued, '0', n - 1) --@ turn-line
    if q.log then tell_started(q, claim.worker, ids, n, results) end
end

-- What may be claimed now: how much room there is, when the next job falls due, and whether no other index holds a job.
local function look_around(q, claim, results)
    local keys, due, room = q.keys, nil, claim.asked
    if q.limited > 0 and limits.touch_due(q) > 0 then claim.promoted = limits.reopen(q) end --@ claim-opens
    -- An entry may stand in two indexes only after a script was cut short; looked for only where that is possible.
    local is_alone = call('EXISTS', keys.delayed, keys.paused) == 0
    if not is_alone then
        due = next_due(q)
        if due == 0 then --@ turn-promotes
            claim.promoted = claim.promoted + promote(q, max(200, 2 * claim.asked))
            due = next_due(q)
        end
    end
    if q.limited > 0 and is_alone then is_alone = call('EXISTS', keys.blocked) == 0 end
    if q.halted == 1 then --@ turn-paused
        results[1], room = 'paused', 0
    elseif q.limit > 0 then
        room = min(room, q.limit - call('ZCARD', keys.active)) --@ turn-limit
        if room <= 0 then results[1], room = 'full', 0 end
    end
    return room, due, is_alone
end

-- Claims; says how many jobs were handed out, and whether the line goes on.
local function claim_new(q, claim, args, results)
    local room, due, is_alone = look_around(q, claim, results)
    -- One more than there is room for: it tells whether the line goes on.
    local line = room > 0 and call('ZRANGE', q.keys.queued, '0', room == claim.asked and args[4] or room, 'WITHSCORES') or {}
    local listed = #line / 2
    if listed > room then
        line[2 * listed - 1], line[2 * listed] = nil, nil
    end
    local elsewhere = line[1] and not is_alone and found_elsewhere(q, line) or nil
    local out, goes_on = { ids = {}, keys = {}, n = 0, gone = 0, room = room }, listed > room
    hand_out(q, claim, line, elsewhere, results, out)
    if out.gone > 0 then
        if q.limited > 0 then goes_on = look_further(q, claim, results, out) end
        commit(q)
        due = next_due(q)
    end
    local n = out.n
    if q.known then limits.write(q) end --@ claim-counted
    if n > 0 then activate(q, claim, out.ids, out.keys, out.tokens, n, results) end
    local remembered = args[2] .. ' ' .. claim.nonce .. ' ' .. concat(out.ids, ' ')
    call('HSET', q.keys.claims, claim.worker, remembered) --@ turn-remembered
    if q.known then claim.late = limits.reopen(q) end --@ claim-reopens
    if n < claim.asked then
        if q.limited > 0 then due = sooner(next_due(q), limits.next_opening(q)) end --@ claim-opening
        -- The answer tells its worker of the next opening, so no other needs to be woken for it.
        q.opening_noted = nil --@ claim-tells
        -- The line goes on behind entries that were not handed out: worth another look at once.
        local is_worth = (out.gone > 0 and goes_on or claim.late > 0) and n < room --@ claim-again
        results[3] = is_worth and 0 or due or -1
    end
    return n, goes_on
end

local function is_good_turn(number, nonce, asked, plain)
    if not (number and number >= 0 and asked and asked >= 0 and asked <= MOST_CLAIMED) then return false end
    if not (plain and plain >= 0 and plain <= MOST_SETTLED) then return false end
    if asked > 0 and (number < 1 or number > MOST_EXACT or not find(nonce, '^%w+$')) then return false end --@ turn-nonce
    return number % 1 + asked % 1 + plain % 1 == 0
end

-- How many jobs in their last chance a claim may take that brings a lease of its own, which holds for this call.
local function with_lease(q, word, results)
    local few, lease = match(word, '^(%d+) (%d+)$')
    q.lease = whole(lease, SETTINGS.lease[1], SETTINGS.lease[2]) or q.lease --@ turn-own-lease
    results[2] = q.lease
    return tonumber(few) or 0
end

local function turn(q, args)
    local worker, number, nonce = args[1], tonumber(args[2]), args[3]
    local asked, plain = tonumber(args[4]), tonumber(args[6])
    if not is_good_turn(number, nonce, asked, plain) then return error_reply('BADARG turn') end
    local verdicts = {}
    local results = { 'ok', q.lease, -1, q.stops, q.stamp, nonce, verdicts }
    local released, freed, earliest = 0, 0, nil
    if #args > 6 then
        local tally = end_attempts(q, args, plain, verdicts)
        released, freed, earliest = tally.ready, tally.freed, tally.earliest
    end
    local n, late = 0, 0
    if q.known then released = released + limits.reopen(q) end --@ ends-reopen
    local chances = asked > 0 and (tonumber(args[5]) or with_lease(q, args[5], results))
    local last = asked > 0 and call('HGET', q.keys.claims, worker)
    local last_number = last and tonumber(match(last, '^%d+')) or 0
    if asked > 0 and number <= last_number then --@ turn-number
        -- Executed before: nothing new is handed out.
        if number == last_number then replay(q, last, results) else results[1] = 'stale' end
    elseif asked > 0 then
        local claim = {
            worker = worker, nonce = nonce, asked = asked, chances = chances, promoted = 0, late = 0,
        }
        local goes_on
        n, goes_on = claim_new(q, claim, args, results)
        released, late = released + claim.promoted, claim.late
        -- Whoever sees the line's end takes the tokens away: they are for nobody.
        if not goes_on then
            call('DEL', q.keys.wake) --@ turn-tokens
            released, freed = n, 0
        end
    end
    if q.known then limits.write(q) end --@ turn-counted
    limits.wake_for_opening(q) --@ turn-opening
    -- Who else has to look: for jobs that came into line, and where the queue has a limit for the room that was made.
    local came = released - n --@ turn-wakes
    -- What came into line behind the claim is there for whoever looks next.
    if late > 0 then came = max(came, 0) + late end --@ turn-late
    if q.limit > 0 and freed > n then came = max(came, min(freed - n, call('ZCARD', q.keys.queued))) end --@ turn-room
    if came > 0 or earliest then
        wake(q, came)
        wake_for_due(q, earliest)
    end
    return results
end

functions.turn = of_queue(turn)
