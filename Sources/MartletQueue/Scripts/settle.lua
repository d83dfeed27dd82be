#!lua flags=allow-oom
-- Ends attempts: each with the proof that its worker still holds the job.
--
-- ARGV: n, then n times id and token of attempts that completed and have nothing more to say, then for each other job
-- six words: id, token, outcome, delay ms or empty, output or error, progress or empty.
-- Outcomes: `completed`, `failed` (delay = wait before the retry), `permanent`, `release`, `snooze`.
-- Answer: `ok`, stops counter, a flat list of position (from 1) and verdict for those of the first n that did not simply
-- become `completed`, then a verdict for each other job.
-- Verdict: the new state, or {`duplicate`, state} or {`fenced`} or {`gone`}.
-- Cost for a batch: 6 to 9 commands, three of them with a share for each job; for each plain completed job HGET, and
-- HSET where it is kept. A job with a unique key, a digest or a wanted stop, and every other outcome: HMGET once or twice
-- and one to three writes more.
if REFUSED then return REFUSED end

local MAX_DELAY = 31536000000
local unusual, results = {}, { 'ok', stops }
results[3] = unusual
local ended, ready, earliest = {}, 0, nil
local t = runnable()

local function spend(key, token, progress, ...)
    if progress ~= '' then
        write('HSET', key, 'k', '-' .. token, 'g', progress, ...)
    else
        write('HSET', key, 'k', '-' .. token, ...)
    end
end

local function end_finally(id, token, index, name, job, progress, ...)
    if not finish(id, ACTIVE, index, name, job[2], job[3]) then return name end
    spend(JOB .. id, token, progress, ...)
    if job[4] then write('HDEL', JOB .. id, 'w') end
    return name
end

-- Out of active without being finished: where it goes depends on what was asked for meanwhile and on its time.
local function put_back(id, token, job, priority, at, due, progress, ...)
    local key = JOB .. id
    if wants(job[4], 'pause') then
        spend(key, token, progress, 'at', moved(at, due), ...)
        write('HDEL', key, 'w')
        move(id, ACTIVE, PAUSED, now)
        return 'paused'
    end
    spend(key, token, progress, ...)
    if due > t then
        move(id, ACTIVE, DELAYED, due)
        earliest = lower(earliest, due)
        return 'retrying'
    end
    ready = ready + 1
    move(id, ACTIVE, QUEUED, score(due, priority))
    return 'queued'
end

local function settle(id, token, outcome, delay, body, progress)
    local job = call('HMGET', JOB .. id, 'k', 'u', 'd', 'w')
    local stored = job[1]
    if not stored then
        if call('EXISTS', JOB .. id) == 0 then return { 'gone' } end
        return { 'fenced' }
    end
    if stored == '-' .. token then return { 'duplicate', locate(id, stored) or 'gone' } end
    if not is_held(stored, token) then return { 'fenced' } end
    if outcome == 'completed' then
        if body == '' then return end_finally(id, token, COMPLETED, 'completed', job, progress) end
        return end_finally(id, token, COMPLETED, 'completed', job, progress, 'o', body)
    end
    if wants(job[4], 'cancel') then
        return end_finally(id, token, CANCELLED, 'cancelled', job, progress)
    end
    local more = call('HMGET', JOB .. id, 'm', 'f', 'r', 'at')
    if outcome == 'release' or outcome == 'snooze' then
        local place = place_of(more[4]) or t
        return put_back(id, token, job, more[3], more[4], delay and now + delay or place, progress)
    end
    local failures = (tonumber(more[2]) or 0) + 1
    if outcome == 'permanent' or failures > (tonumber(more[1]) or DEFAULT_RETRIES) then
        return end_finally(id, token, FAILED, 'failed', job, progress, 'f', failures, 'e', body)
    end
    local due = now + (delay or 0)
    if due <= t then
        stamped = t
        due = t
    end
    return put_back(id, token, job, more[3], more[4], due, progress, 'f', failures, 'e', body)
end

-- A job is settled once in a call; named again it is a repeat, or somebody else's.
local function settle_once(id, token, ...)
    if ended[id] then return ended[id] == token and { 'duplicate', 'gone' } or { 'fenced' } end
    local result = settle(id, token, ...)
    if type(result) == 'string' then ended[id] = token end
    return result
end

local plain = whole(ARGV[1], 0, 1000)
if not plain then return redis.error_reply('BADARG settle') end
local age, most = retention('completed')
local keeps = age > 0 and most > 0
local ids, keys, tokens, places, n = {}, {}, {}, {}, 0
local stamp = format('%.0f', now)
for i = 2, 2 * plain, 2 do
    local id, token = ARGV[i], ARGV[i + 1]
    local key = JOB .. id
    if call('HGET', key, 'k') == token and not ended[id] then
        ended[id] = token
        n = n + 1
        ids[n], keys[n], tokens[n] = id, key, token
        places[2 * n - 1], places[2 * n] = stamp, id
    else
        local result = settle_once(id, token, 'completed', nil, '', '')
        if result ~= 'completed' then
            unusual[#unusual + 1] = i / 2
            unusual[#unusual + 1] = result
        end
    end
end
for i = 2 * plain + 2, #ARGV, 6 do
    local delay = whole(ARGV[i + 3], 0, MAX_DELAY)
    results[#results + 1] = settle_once(ARGV[i], ARGV[i + 1], ARGV[i + 2], delay, ARGV[i + 4], ARGV[i + 5])
end

-- Destinations before sources, deaths counted last.
if n > 0 then
    if keeps then
        call('ZADD', COMPLETED, unpack(places))
        for i = 1, n do call('HSET', keys[i], 'k', '-' .. tokens[i]) end
    else
        call('UNLINK', unpack(keys))
        count('deleted', n)
    end
    call('ZREM', ACTIVE, unpack(ids))
    count('completed', n)
end
-- What leaves makes room: as many old ones go as came in, twice, so that a backlog shrinks.
local completed = counts.completed
commit()
if completed and most > 0 and call('ZCARD', COMPLETED) > most then
    trim(COMPLETED, 'completed', min(200, 2 * completed))
    commit()
end
if limit > 0 and #ARGV > 1 then ready = max(ready, min(plain + (#ARGV - 1 - 2 * plain) / 6, call('ZCARD', QUEUED))) end
wake(ready)
wake_for_due(earliest)
return results
