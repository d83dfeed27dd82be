#!lua flags=allow-oom
-- What operators ask of single jobs, many at once, each judged by itself.
--
-- ARGV: verb, priority, delay ms or `@<due ms>`, max retries (the last three for `patch`, else empty), then ids, at most 500.
--       `retry` may have a new payload in the place of the priority.
-- Verbs: `pause`, `resume`, `cancel`, `retry`, `run`, `delete`, `patch`; behind `dry ` nothing is written, and the answer is
-- what it would be.
-- Answer: `ok`, then for each id {verdict, state}: `done`, `asked` (a running job was asked to stop), `state` (not possible
-- in that state), `missing`, {`unique`, holder} or {`invalid`, field}.
-- Cost for each id: HMGET, up to 7 ZSCORE, and 1 to 4 writes; O(log n).
--@ names prelude values order places dues due wake alarm locate changes finish
if REFUSED then return REFUSED end

local is_dry = sub(ARGV[1], 1, 4) == 'dry '
local verb = is_dry and sub(ARGV[1], 5) or ARGV[1]
local priority, delay, retries = whole(ARGV[2], -1000, 1000), wait_of(ARGV[3]), whole(ARGV[4], 0, 100)
local payload = verb == 'retry' and ARGV[2] ~= '' and ARGV[2]
local results, ready, earliest, stop_asked = { 'ok' }, 0, nil, 0
-- The unique keys that this call gives to jobs: a dry run finds them nowhere else.
local taken = {}

local function run_now(id, from, priority_)
    line_up(id, from, priority_)
    ready = ready + 1
    return 'queued'
end

local function wait(id, from, due, token)
    move(id, from, DELAYED, due)
    earliest = lower(earliest, due)
    return claims_of(token) > 0 and 'retrying' or 'scheduled'
end

local function ask_to_stop(id, job, what)
    if wants(job.w, 'cancel') then return what == 'cancel' and 'asked' or 'state' end
    if not wants(job.w, what) then
        local starred = byte(job.k, -1) == 42 and job.k or job.k .. '*'
        write('HSET', JOB .. id, 'w', what .. ':' .. now, 'k', starred)
        stop_asked = stop_asked + 1
    end
    return 'asked'
end

local verbs = {}

function verbs.pause(id, job, state, index, place)
    if state == 'paused' then return 'done', 'paused' end
    if state == 'active' then return ask_to_stop(id, job, 'pause'), 'active' end
    if state ~= 'queued' and index ~= DELAYED then return 'state', state end
    if state == 'queued' then place = place + priority_of(job.r) * step end
    write('HSET', JOB .. id, 'at', moved(job.at, place))
    move(id, index, PAUSED, now)
    return 'done', 'paused'
end

function verbs.resume(id, job, state)
    if state == 'active' then
        if wants(job.w, 'cancel') then return 'state', state end
        if job.w then write('HDEL', JOB .. id, 'w') end
        return 'done', 'active'
    end
    if state == 'queued' or state == 'scheduled' or state == 'retrying' then return 'done', state end
    if state ~= 'paused' then return 'state', state end
    -- Back by its own place: its due time, or where it stood in line.
    local place = place_of(job.at) or place_now(job.r)
    if is_early(place) then return 'done', wait(id, PAUSED, place, job.k) end
    move(id, PAUSED, QUEUED, score(place, job.r))
    ready = ready + 1
    return 'done', 'queued'
end

function verbs.cancel(id, job, state, index)
    if state == 'cancelled' then return 'done', 'cancelled' end
    if state == 'active' then return ask_to_stop(id, job, 'cancel'), 'active' end
    if state == 'completed' or state == 'failed' then return 'state', state end
    finish(id, index, CANCELLED, 'cancelled', job.u, job.d)
    return 'done', 'cancelled'
end

function verbs.retry(id, job, state, index)
    if state == 'queued' then
        -- Nobody has begun it, or a repetition of this call finds what it did.
        if payload then write('HSET', JOB .. id, 'p', payload) end
        return 'done', 'queued'
    end
    if state ~= 'failed' and state ~= 'cancelled' then return 'state', state end
    if job.u then
        local holder = taken[job.u] or call('HGET', UNIQUE, job.u)
        if holder and holder ~= id then return 'unique', holder end
        taken[job.u] = id
        write('HSET', UNIQUE, job.u, id)
    end
    write('HDEL', JOB .. id, 'f', 'l', 'e', 's')
    if payload then write('HSET', JOB .. id, 'p', payload) end
    return 'done', run_now(id, index, job.r)
end

function verbs.run(id, job, state, index)
    if state == 'queued' or state == 'active' then return 'done', state end
    if index ~= DELAYED then return 'state', state end
    return 'done', run_now(id, DELAYED, job.r)
end

function verbs.delete(id, job, state, index)
    if index ~= COMPLETED and index ~= FAILED and index ~= CANCELLED then return 'state', state end
    forget(id, index, job.d)
    return 'done', 'deleted'
end

local function reschedule(id, job, state, index)
    if state == 'paused' then
        write('HSET', JOB .. id, 'at', moved(job.at, delay > 0 and due_at(now + delay, id) or place_now(priority or job.r)))
        return 'paused'
    end
    if delay == 0 then return run_now(id, index, priority or job.r) end
    return wait(id, index, due_at(now + delay, id), job.k)
end

function verbs.patch(id, job, state, index, place)
    local key = JOB .. id
    if index == COMPLETED or index == FAILED or index == CANCELLED then return 'state', state end
    if delay and state == 'active' then return 'state', state end
    if priority == 0 then
        write('HDEL', key, 'r')
    elseif priority then
        write('HSET', key, 'r', priority)
    end
    if retries then write('HSET', key, 'm', retries) end
    if delay then
        state = reschedule(id, job, state, index)
    elseif priority and state == 'queued' then
        move(id, nil, QUEUED, place + (priority_of(job.r) - priority) * step)
    end
    return 'done', state
end

local act = verbs[verb]
if not act then return redis.error_reply('BADVERB') end
local is_too_late = not delay and byte(ARGV[3]) == 64
if verb == 'patch' and not is_too_late and ((ARGV[2] ~= '' and not priority) or (ARGV[3] ~= '' and not delay) or (ARGV[4] ~= '' and not retries)) then
    return redis.error_reply('BADARG patch')
end

-- What a dry run would find of ids that it has met before.
local met = {}
local function pretend(id, digest, result)
    if #dropped == 0 then
        met[id] = result
    else
        met[id] = verb == 'delete' and digest and { 'done', 'deleted' } or { 'missing' }
    end
    added, removed, writes, dropped, counts, stamped = {}, {}, {}, {}, {}, nil
end

for i = 5, #ARGV do
    local id = ARGV[i]
    local f = look('HMGET', JOB .. id, 't', 'k', 'w', 'u', 'd', 'r', 'at')
    local state, index, place = locate(id, f[2])
    if is_too_late then
        results[#results + 1] = { 'invalid', 'run_at' }
    elseif met[id] then
        results[#results + 1] = met[id]
    elseif not state or not f[1] then
        local buried = verb == 'delete' and call('ZSCORE', TOMB, id)
        results[#results + 1] = buried and { 'done', 'deleted' } or { 'missing' }
    else
        local job = { k = f[2], w = f[3], u = f[4], d = f[5], r = f[6], at = f[7] }
        local verdict, after = act(id, job, state, index, place)
        results[#results + 1] = { verdict, after }
        -- Whatever is written changes what people see of the job.
        if #dropped == 0 and (#writes > 0 or next(added)) then write('HSET', JOB .. id, 'v', stamp) end
        -- Each is done before the next is looked at, so that an id named twice is judged as it stands then.
        if is_dry then pretend(id, f[5], results[#results]) else commit() end
    end
end
if is_dry then return results end
if stop_asked > 0 then call('HINCRBY', META, 'stops', stop_asked) end
wake(ready)
wake_for_due(earliest)
return results
