-- The end of attempts that have more to say than that they completed.
--
-- needs: runtime values events changes moves places dues wake limits holds usage waiters locate finish history groups
-- gives: new_tally settle
-- `tally` belongs to one call: `ended` has the tokens of the jobs that were settled, `completed` counts those that
-- completed here, `ready` those that came into line, and `earliest` is when the first delayed one falls due.
function new_tally() return { ended = {}, completed = 0, ready = 0, earliest = nil } end

local function spend(q, job, token, progress, ...)
    local key = q.keys.job .. job.id
    if progress ~= '' then
        write(q, 'HSET', key, 'k', '-' .. token, 'g', progress, ...) --@ spent-progress
    else
        write(q, 'HSET', key, 'k', '-' .. token, ...) --@ spent
    end
end

local function end_finally(q, job, token, index, progress, ...)
    if not finish(q, job, 'active', index) then return index end
    spend(q, job, token, progress, ...)
    if job.w then write(q, 'HDEL', q.keys.job .. job.id, 'w') end --@ end-unwanted
    return index
end

-- When a job may run again after a wait; without one behind all who came before.
local function after(q, delay, job)
    if delay and delay > 0 then return due_at(q, q.now + delay, job.id), true end --@ retry-waits
    return place_now(q, job.r), false
end

-- What listeners hear of an attempt that ended without the job's end: `job.how` it did, and `job.why`.
local function tell_back(q, job, state, due)
    local kind = state == 'paused' and state or job.how
    events.tell(q, kind, job.id, state, state == 'retrying' and due or nil, job.failures, job.why) --@ back-told
end

-- Out of active without being finished: where it goes depends on what was asked for meanwhile and on its time.
local function put_back(q, tally, job, token, progress, due, waits, ...)
    if q.log then
        tell_back(q, job, wants(job.w, 'pause') and 'paused' or waits and 'retrying' or 'queued', due)
    end
    if wants(job.w, 'pause') then --@ pause-wanted
        spend(q, job, token, progress, 'v', q.stamp, 'at', moved(job.at, due), ...)
        write(q, 'HDEL', q.keys.job .. job.id, 'w') --@ pause-unwanted
        move(q, job, 'active', 'paused', q.now)
        return 'paused'
    end
    spend(q, job, token, progress, 'v', q.stamp, ...)
    if waits then
        move(q, job, 'active', 'delayed', due)
        tally.earliest = lower(tally.earliest, due)
        return 'retrying'
    end
    tally.ready = tally.ready + 1
    move(q, job, 'active', 'queued', score(q, due, job.r))
    return 'queued'
end

-- A job that was released, or that is put off.
local function put_off(q, tally, job, token, delay, body, progress, is_unknown)
    local due, waits = place_of(job.at), nil --@ release-place
    if due then waits = is_early(q, due) end
    if delay or not due then due, waits = after(q, delay, job) end
    job.how, job.why = 'released', body
    -- Released by a worker that does not know its type: the job says so, and since when.
    if is_unknown then
        local since = job.s or q.stamp --@ unknown-since
        if job.lk or job.lh then limits.take_back_start(q, job) end --@ unknown-start
        return put_back(q, tally, job, token, progress, due, waits, 's', since, 'e', body)
    end
    -- Put off for a reason: the job says which.
    if body ~= '' then return put_back(q, tally, job, token, progress, due, waits, 'e', body) end --@ put-off-why
    return put_back(q, tally, job, token, progress, due, waits)
end

-- The service behind a key of the job told it to wait: the job goes back to its place in line, where it waits with all others of
-- the key. Where the key is not held, since the job does not have it, only the job waits.
local function throttle(q, tally, job, token, delay, body, progress)
    local key, weight = job.throttled, job.weight
    if not weight then
        local why = body .. '; only this job waits, as it has no limit key ' .. key
        return put_off(q, tally, job, token, max(1, delay), why, progress, false) --@ throttled-alone
    end
    job.how, job.why = 'released', body
    local place = place_of(job.at) or place_now(q, job.r)
    if wants(job.w, 'pause') then return put_back(q, tally, job, token, progress, place, false, 'e', body) end
    local entry, at = limits.know(q, key), score(q, place, job.r)
    limits.load(q)
    limits.expect_waiter(q, entry, job.id, at)
    -- Where the job is not blocked such an entry means nothing, so it may stand before the job does.
    call('ZADD', q.keys.waiters .. key, at, job.id) --@ throttled-waits
    spend(q, job, token, progress, 'v', q.stamp, 'e', body, 'lw', weight .. ' ' .. key) --@ throttled-names
    move(q, job, 'active', 'blocked', at)
    if q.log then events.tell(q, 'blocked', job.id, 'blocked', nil, nil, key) end --@ throttled-told
    return 'blocked'
end

-- Holds the key that an outcome names, whatever becomes of the job; `job.weight` is what the job has of it.
local function hold_key(q, job, key, delay, body)
    local more = look('HMGET', q.keys.job .. job.id, 't', 'y')
    job.t, job.y, job.throttled = more[1] or nil, more[2] or nil, key
    local weight = limits.weight_of(job, key)
    if weight and limits.hold(q, key, delay, body) then job.weight = weight end --@ throttled-held
end

-- The process of its own in which the job ran has died.
local function crash(q, tally, job, token, delay, body, progress)
    local lost, in_a_row = lost_again(job.l)
    if in_a_row >= MAX_LOST then
        local why = 'poison: ' .. body .. ', after ' .. in_a_row .. ' losses in a row'
        job.why = why
        groups.note(q, job.poison, job, why) --@ poison-grouped
        return end_finally(q, job, token, 'failed', progress, 'l', lost, 'e', why, 'h', with_attempt(q, job, 'crashed', body))
    end
    local due, waits = after(q, delay, job)
    job.how, job.why = 'lost', body
    groups.note(q, job.print, job, body) --@ crash-grouped
    return put_back(
        q, tally, job, token, progress, due, waits, 'l', lost, 'e', body, 'h', with_attempt(q, job, 'crashed', body))
end

-- The outcome alone. Behind a failure stand the fingerprint of its error, that of poison where the job may become that, and
-- the worker.
local function with_failure(job, outcome)
    local kind, rest = match(outcome, '^(%a+) (.*)$')
    if kind == 'crashed' then job.poison, rest = match(rest, '^(%x+) (.*)$') end
    if rest then job.print, job.worker = match(rest, '^(%x+) (.*)$') end
    return kind or outcome
end

local HELD, MORE = { 'k', 'u', 'd', 'w', 'lk', 'lh' }, { 'm', 'f', 'r', 'at', 'l', 's', 't', 'h' }

local function settle_once(q, tally, id, token, outcome, delay, body, progress)
    local key = q.keys.job .. id
    -- A key of another type is no job: it fails alone, not with the whole turn behind it.
    local job = read_job(q, id, HELD)
    if not job.k then
        if job.err or call('EXISTS', key) == 0 then return { 'gone' } end
        return { 'fenced' }
    end
    if job.k == '-' .. token then return { 'duplicate', locate(q, id, job.k) or 'gone' } end --@ repeated
    if not is_held(job.k, token) then return { 'fenced' } end --@ fenced
    local held_key = match(outcome, '^throttled (.+)$')
    if held_key then hold_key(q, job, held_key, delay or 0, body) end
    if outcome == 'completed' then
        tally.completed = tally.completed + 1
        if body == '' then return end_finally(q, job, token, 'completed', progress) end
        return end_finally(q, job, token, 'completed', progress, 'o', body)
    end
    if wants(job.w, 'cancel') then return end_finally(q, job, token, 'cancelled', progress) end --@ cancel-wanted
    outcome = with_failure(job, outcome)
    local more = call('HMGET', key, unpack(MORE))
    for i = 1, #MORE do job[MORE[i]] = more[i] or nil end
    local is_unknown = outcome == 'release' and body ~= ''
    if job.s and not is_unknown then write(q, 'HDEL', key, 's') end --@ known-again
    if outcome == 'release' or outcome == 'snooze' then
        return put_off(q, tally, job, token, delay, body, progress, is_unknown)
    end
    if held_key then return throttle(q, tally, job, token, delay or 0, body, progress) end
    if outcome == 'crashed' then return crash(q, tally, job, token, delay, body, progress) end
    local failures = counter_of(job.f) + 1
    local retries = whole(job.m, 0, MOST_RETRIES) or DEFAULT_RETRIES
    job.how, job.why, job.failures = 'retrying', body, failures
    groups.note(q, job.print, job, body) --@ failure-grouped
    local past = with_attempt(q, job, 'failed', body)
    if outcome == 'permanent' or failures > retries then --@ retries
        return end_finally(q, job, token, 'failed', progress, 'f', failures, 'e', body, 'h', past)
    end
    local due, waits = after(q, delay, job)
    return put_back(q, tally, job, token, progress, due, waits, 'f', failures, 'e', body, 'h', past)
end

-- A job is settled once in a call; named again it is a repeat, or somebody else's.
function settle(q, tally, id, token, outcome, delay, body, progress)
    local ended = tally.ended
    if ended[id] then return ended[id] == token and { 'duplicate', 'gone' } or { 'fenced' } end --@ settled-once
    local result = settle_once(q, tally, id, token, outcome, delay, body, progress)
    if type(result) == 'string' then ended[id] = token end
    return result
end
