-- What operators ask of single jobs, many at once, each judged by itself.
--
-- needs: runtime values events trail changes limits usage waiters moves places dues wake locate finish history
-- args: verb, priority, delay ms or `@<due ms>`, max retries (the last three for `patch`, else empty), then ids, at most 500.
--       `retry` may have a new payload in the place of the priority; `edit` is `patch` with a new payload before the ids.
-- Verbs: `pause`, `resume`, `cancel`, `retry`, `run`, `delete`, `patch`, `edit`; behind `dry ` nothing is written, and the
-- answer is what it would be.
-- Answer: `ok`, then for each id {verdict, state, 1 where this call changed the job}: `done`, `asked` (a running job was asked
-- to stop), `state` (not possible in that state), `missing`, {`unique`, holder} or {`invalid`, field}.
-- An operator's call may be recorded; see `trail`.
-- Cost for each id: HMGET, up to 7 ZSCORE, and 1 to 4 writes; O(log n).
-- `task` is what one call asks for and what it gathers: `ready` jobs that came into line, the `earliest` that waits, the
-- `stops` that were asked for, and the unique keys that it gave to jobs: a dry run finds those nowhere else.
local function new_task(q, args)
    local is_dry = sub(args[1], 1, 4) == 'dry '
    local task = {
        is_dry = is_dry, verb = is_dry and sub(args[1], 5) or args[1], priority = whole(args[2], LEAST_PRIORITY, MOST_PRIORITY),
        delay = wait_of(q, args[3]), retries = whole(args[4], 0, MOST_RETRIES), ready = 0, earliest = nil, stops = 0,
        taken = {}, met = {},
    }
    task.patches = task.verb == 'patch' or task.verb == 'edit'
    if task.verb == 'retry' and args[2] ~= '' then task.payload = args[2] end
    if task.verb == 'edit' then task.payload = args[5] end
    task.is_too_late = not task.delay and byte(args[3]) == 64
    task.is_bad = task.patches and not task.is_too_late and ((args[2] ~= '' and not task.priority)
        or (args[3] ~= '' and not task.delay) or (args[4] ~= '' and not task.retries))
    return task
end

local function run_now(q, task, job, from, priority)
    line_up(q, job, from, priority)
    task.ready = task.ready + 1
    return 'queued'
end

local function wait(q, task, job, from, due)
    move(q, job, from, 'delayed', due)
    task.earliest = lower(task.earliest, due)
    return state_of('delayed', job.k)
end

local function ask_to_stop(q, task, job, what)
    if wants(job.w, 'cancel') then return what == 'cancel' and 'asked' or 'state' end --@ stop-cancel
    if not wants(job.w, what) then
        local key = q.keys.job .. job.id
        local token = is_starred(job.k) and job.k or job.k .. '*' --@ stop-starred
        write(q, 'HSET', key, 'w', what .. ':' .. q.now, 'k', token)
        task.stops = task.stops + 1
    end
    return 'asked'
end

local operations = {}

function operations.pause(q, task, job, state, index, place)
    if state == 'paused' then return 'done', 'paused' end
    if state == 'active' then return ask_to_stop(q, task, job, 'pause'), 'active' end
    if not is_line(state) and index ~= 'delayed' then return 'state', state end
    if is_line(state) then place = place + priority_of(job.r) * q.step end --@ pause-place
    write(q, 'HSET', q.keys.job .. job.id, 'at', moved(job.at, place))
    move(q, job, index, 'paused', q.now)
    return 'done', 'paused'
end

function operations.resume(q, task, job, state)
    if state == 'active' then
        if wants(job.w, 'cancel') then return 'state', state end --@ resume-cancel
        if job.w then write(q, 'HDEL', q.keys.job .. job.id, 'w') end
        return 'done', 'active'
    end
    if is_line(state) or state == 'scheduled' or state == 'retrying' then return 'done', state end
    if state ~= 'paused' then return 'state', state end
    -- Back to the job's own place: its due time, or where it stood in line.
    local place = place_of(job.at) or place_now(q, job.r)
    if is_early(q, place) then return 'done', wait(q, task, job, 'paused', place) end --@ resume-early
    move(q, job, 'paused', 'queued', score(q, place, job.r))
    task.ready = task.ready + 1
    return 'done', 'queued'
end

function operations.cancel(q, task, job, state, index)
    if state == 'cancelled' then return 'done', 'cancelled' end
    if state == 'active' then return ask_to_stop(q, task, job, 'cancel'), 'active' end
    if state == 'completed' or state == 'failed' then return 'state', state end
    finish(q, job, index, 'cancelled')
    return 'done', 'cancelled'
end

function operations.retry(q, task, job, state, index)
    local key = q.keys.job .. job.id
    if is_line(state) then
        -- Nobody has begun it, or a repetition of this call finds what it did.
        if task.payload then replace_payload(q, job, task.payload) end --@ queued-payload
        return 'done', state
    end
    if state ~= 'failed' and state ~= 'cancelled' then return 'state', state end
    if job.u then
        local holder = task.taken[job.u] or call('HGET', q.keys.unique, job.u)
        if holder and holder ~= job.id then return 'unique', holder end --@ retry-unique
        task.taken[job.u] = job.id --@ retry-taken
        write(q, 'HSET', q.keys.unique, job.u, job.id) --@ retry-holds
    end
    write(q, 'HDEL', key, 'f', 'l', 'e', 's') --@ retry-fresh
    if task.payload then replace_payload(q, job, task.payload) end --@ retry-payload
    return 'done', run_now(q, task, job, index, job.r)
end

function operations.run(q, task, job, state, index)
    if is_line(state) or state == 'active' then return 'done', state end
    if index ~= 'delayed' then return 'state', state end
    return 'done', run_now(q, task, job, 'delayed', job.r)
end

function operations.delete(q, _, job, state, index)
    if not IS_FINAL[index] then return 'state', state end --@ delete-final
    forget(q, job, index)
    return 'done', 'deleted'
end

local function reschedule(q, task, job, state, index)
    local delay, priority = task.delay, task.priority or job.r
    if state == 'paused' then
        local place = delay > 0 and due_at(q, q.now + delay, job.id) or place_now(q, priority)
        write(q, 'HSET', q.keys.job .. job.id, 'at', moved(job.at, place))
        return 'paused'
    end
    if delay == 0 then return run_now(q, task, job, index, priority) end
    return wait(q, task, job, index, due_at(q, q.now + delay, job.id))
end

function operations.patch(q, task, job, state, index, place)
    local key, priority = q.keys.job .. job.id, task.priority
    if IS_FINAL[index] then return 'state', state end
    if task.delay and state == 'active' then return 'state', state end
    if priority == 0 then
        write(q, 'HDEL', key, 'r')
    elseif priority then
        write(q, 'HSET', key, 'r', priority) --@ patch-priority
    end
    if task.retries then write(q, 'HSET', key, 'm', task.retries) end
    if task.delay then
        state = reschedule(q, task, job, state, index)
    elseif priority and is_line(state) then
        local new = place + (priority_of(job.r) - priority) * q.step --@ patch-score
        enter(q, job.id, index, new)
        if state == 'blocked' then limits.move_waiter(q, job, new) end --@ patch-waiter
    end
    return 'done', state
end

-- A payload is changed only where no worker has it. What was reached with the old one means nothing for the new one.
function operations.edit(q, task, job, state, index, place)
    if state == 'active' or state == 'completed' then return 'state', state end --@ edit-state
    local only_payload = not (task.priority or task.delay or task.retries)
    if IS_FINAL[index] and not only_payload then return 'state', state end --@ edit-final
    local key = q.keys.job .. job.id
    write(q, 'HDEL', key, 'c', 'g') --@ edit-fresh
    replace_payload(q, job, task.payload) --@ edit-payload
    if only_payload then return 'done', state end
    return operations.patch(q, task, job, state, index, place)
end

-- What a dry run would find of an id that it has met before; nothing of what was gathered is written.
local function pretend(q, task, job, result)
    if #changes_of(q).dropped > 0 then
        result = task.verb == 'delete' and job.d and { 'done', 'deleted' } or { 'missing' }
    end
    task.met[job.id], q.changes = result, nil
end

-- What listeners hear of a verb, unless the job's end has told it.
local TOLD = { pause = 'paused', resume = 'resumed', retry = 'retried', run = 'rescheduled', patch = 'updated', edit = 'updated' }

local function tell_change(q, task, id, before, now)
    local kind, later, text = TOLD[task.verb], changes_of(q).added.delayed, nil
    if now == 'active' and (task.verb == 'pause' or task.verb == 'cancel') then
        kind, text = 'stopping', task.verb
    elseif task.verb == 'retry' and is_line(before) then
        kind = 'updated'
    elseif task.patches and task.delay then
        kind = 'rescheduled'
    end
    if kind then events.tell(q, kind, id, now, later and later[1], nil, text) end --@ control-told
end

-- What a call that is recorded says of a job's values: before and after. Of a payload it says digests alone.
local function values_changed(q, task, job)
    local key, words = q.keys.job .. job.id, {}
    if task.patches and task.priority then words[1] = 'priority:' .. (job.r or 0) .. '>' .. task.priority end
    if task.retries then
        words[#words + 1] = 'max_retries:' .. (call('HGET', key, 'm') or DEFAULT_RETRIES) .. '>' .. task.retries
    end
    if task.patches and task.delay then words[#words + 1] = 'delay_ms:->' .. format('%.0f', task.delay) end
    if task.payload then
        words[#words + 1] = 'payload:' .. trail.digest(q, call('HGET', key, 'p')) .. '>' .. trail.digest(q, task.payload)
    end
    return concat(words, ' ')
end

local JUDGED = { 't', 'k', 'w', 'u', 'd', 'r', 'at', 'lw' }

-- Judges one id and does what was asked; each is done before the next is looked at, so that an id named twice is judged as
-- it stands then.
local function operate(q, task, act, id)
    if task.is_too_late then return { 'invalid', 'run_at' } end
    local job = read_job(q, id, JUDGED) --@ control-look
    local state, index, place = locate(q, id, job.k)
    if task.met[id] then return task.met[id] end
    if not state or not job.t then
        local was_deleted = task.verb == 'delete' and call('ZSCORE', q.keys.tombstones, id)
        return was_deleted and { 'done', 'deleted' } or { 'missing' }
    end
    local verdict, now = act(q, task, job, state, index, place)
    local changes, result = changes_of(q), { verdict, now }
    -- Whatever is written changes what people see of the job.
    local is_changed = #changes.dropped == 0 and (#changes.writes > 0 or next(changes.added))
    if is_changed or changes.dropped[1] then result[3] = 1 end --@ control-says
    if is_changed then write(q, 'HSET', q.keys.job .. id, 'v', q.stamp) end --@ control-changed
    if q.log and is_changed then tell_change(q, task, id, state, now) end
    -- The old values are there until they are written over.
    if q.trail then task.before, task.change = state, is_changed and values_changed(q, task, job) end
    if task.is_dry then pretend(q, task, job, result) else commit(q) end --@ control-commit
    return result
end

-- The same, recorded where an operator's call asks for it.
local function judge(q, task, act, id)
    task.before, task.change = nil, nil
    local result = operate(q, task, act, id)
    if q.trail then trail.job(q, id, result, task.before, task.change) end
    return result
end

local function control(q, given)
    local args, refused = trail.begin(q, q.keys.trail, given)
    if not args then return refused end
    local task = new_task(q, args)
    local act = operations[task.verb]
    if not act then return error_reply('BADVERB') end
    if task.is_bad then return error_reply('BADARG patch') end
    if task.is_dry then q.log, q.trail = nil, nil end --@ control-dry-told
    local results = { 'ok' }
    for i = task.verb == 'edit' and 6 or 5, #args do results[#results + 1] = judge(q, task, act, args[i]) end --@ control-each
    if task.is_dry then return results end
    if task.stops > 0 then call('HINCRBY', q.keys.meta, 'stops', task.stops) end --@ control-stops
    if q.known then task.ready = task.ready + limits.finish(q) end --@ control-finished
    wake(q, task.ready) --@ control-wakes
    wake_for_due(q, task.earliest)
    trail.finish(q, task.verb, results)
    return results
end

functions.control = of_queue(control)
