#!lua flags=allow-oom
-- Ends attempts: each with the proof that its worker still holds the job.
--
-- ARGV for each job: id, token, outcome, delay ms or empty, output or error, progress or empty.
-- Outcomes: `completed`, `failed` (delay = wait before the retry), `permanent`, `release`, `snooze`.
-- Answer: `ok`, stops counter, then for each job its new state, or {`duplicate`, state} or {`fenced`} or {`gone`}.
-- Cost for a batch: 3 to 6 commands; for each completed job HMGET, then HSET (kept) or a share of UNLINK (not kept).
if REFUSED then return REFUSED end

local MAX_DELAY = 31536000000
local results, ended, ready, earliest = { 'ok', stops }, {}, 0, nil
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
local function put_back(id, token, job, priority, due, progress, ...)
    local key = JOB .. id
    if wants(job[4], 'pause') then
        spend(key, token, progress, 'at', due, ...)
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
    if stored ~= token then return { 'fenced' } end
    if outcome == 'completed' then
        if body == '' then return end_finally(id, token, COMPLETED, 'completed', job, progress) end
        return end_finally(id, token, COMPLETED, 'completed', job, progress, 'o', body)
    end
    if wants(job[4], 'cancel') then
        return end_finally(id, token, CANCELLED, 'cancelled', job, progress)
    end
    local more = call('HMGET', JOB .. id, 'm', 'f', 'r', 'at')
    if outcome == 'release' or outcome == 'snooze' then
        local place = tonumber(more[4]) or t
        return put_back(id, token, job, more[3], delay and now + delay or place, progress)
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
    return put_back(id, token, job, more[3], due, progress, 'f', failures, 'e', body)
end

for i = 1, #ARGV, 6 do
    local id, token, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local delay = whole(ARGV[i + 3], 0, MAX_DELAY)
    local earlier = ended[id]
    if earlier then
        results[#results + 1] = earlier == token and { 'duplicate', 'gone' } or { 'fenced' }
    else
        local result = settle(id, token, outcome, delay, ARGV[i + 4], ARGV[i + 5])
        if type(result) == 'string' then ended[id] = token end
        results[#results + 1] = result
    end
end

-- What leaves makes room: as many old ones go as came in, twice, so that a backlog shrinks.
local completed = counts.completed
commit()
if completed then
    local _, most = retention('completed')
    if most > 0 and call('ZCARD', COMPLETED) > most then
        trim(COMPLETED, 'completed', min(200, 2 * completed))
        commit()
    end
end
if limit > 0 and #results > 2 then ready = max(ready, min(#results - 2, call('ZCARD', QUEUED))) end
wake(ready)
wake_for_due(earliest)
return results
