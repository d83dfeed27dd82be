-- Creates a queue and changes its settings and pause flags.
--
-- needs: runtime events trail plan wake
-- args: `create`, flag of pause-all, its version, epoch: a word that no other queue has, until when anybody listens to all
--       queues (ms, or empty)
--     | `set`, pairs of setting and value (empty takes it back to its default)
--     | `environment`, pairs: as `set`, but only where the value differs from the environment's last one
--     | `pause`, reason, who  |  `resume`
--     | `pause_all`, flag, version, reason, who
--     | `listen`, ms, id of an entry or empty → `ok`, id of the last entry of the stream, whether the named one is still there
--       (1 or 0): for so long what happens is published.
-- Answer: `ok`, or {`bad`, setting}, or `busy` when `step` would change while jobs wait.

local verbs = {}

function verbs.create(q, args)
    local meta = q.keys.meta
    -- In this order, since a field is looked for from the front: first what every call reads.
    call('HSET', meta, 'schema', SCHEMA, 'clock', 0, 'stops', 0, 'plan', '', 'created', 0, 'completed', 0, 'deleted', 0,
        'repaired', 0, 'global_version', args[3], 'epoch', args[4] or '')
    if args[2] == '1' then call('HSET', meta, 'paused_all', '1') end
    local listen = whole(args[5] or '', 0, MOST_EXACT)
    if listen and listen > q.now then --@ create-listens
        call('HSET', meta, 'listen_until', listen)
        q.log = {}
        events.of_queue(q, 'created')
    end
    -- A queue of this name that was deleted may have left its audit trail.
    call('PERSIST', q.keys.trail) --@ create-keeps
    make_plan(q)
    return { 'ok' }
end

local function bad_setting(q, args)
    for i = 2, #args, 2 do
        local name, value = args[i], args[i + 1]
        local range = SETTINGS[name]
        if not range then return { 'bad', 'unknown' } end
        if value ~= '' and not whole(value, range[1], range[2]) then return { 'bad', name } end
        local is_other = name == 'step' and (tonumber(value) or PLAN.step) ~= q.step
        if is_other and call('ZCARD', q.keys.queued) + call('ZCARD', q.keys.blocked) > 0 then --@ step-busy
            return { 'busy' }
        end
    end
end

local function set_one(meta, name, value)
    if value == '' then call('HDEL', meta, name) else call('HSET', meta, name, value) end
end

local function apply(q, args, is_environment)
    local no = bad_setting(q, args)
    if no then return no end --@ settings-checked
    local meta, changed = q.keys.meta, {}
    for i = 2, #args, 2 do
        local name, value = args[i], args[i + 1]
        if not is_environment then
            if q.trail then trail.value(q, name, call('HGET', meta, name) or '', value) end
            set_one(meta, name, value)
            changed[#changed + 1] = name
        elseif call('HGET', meta, name .. '_env') ~= value then --@ environment
            call('HSET', meta, name .. '_env', value)
            set_one(meta, name, value)
            changed[#changed + 1] = name
        end
    end
    local before = q.limit
    make_plan(q)
    if q.log and #changed > 0 then events.of_queue(q, 'configured', concat(changed, ' ')) end --@ configured-told
    if q.limit ~= before then wake(q, call('ZCARD', q.keys.queued)) end --@ limit-wakes
    return { 'ok' }
end

function verbs.set(q, args) return apply(q, args, false) end
function verbs.environment(q, args) return apply(q, args, true) end

-- After a flag of a pause has changed: what listeners hear names who did it, and behind a line break the reason.
local function pause_changed(q, kind, who, why)
    make_plan(q)
    if q.log then events.of_queue(q, kind, who and who .. '\n' .. why) end --@ pause-told
    if q.halted == 1 then call('DEL', q.keys.wake) else wake(q, call('ZCARD', q.keys.queued)) end --@ resume-wakes
    return { 'ok' }
end

local function note_pause(q, reason)
    local meta = q.keys.meta
    trail.value(q, 'paused', call('HGET', meta, 'paused') and 'yes' or 'no', reason and 'yes' or 'no')
    trail.value(q, 'reason', call('HGET', meta, 'paused_reason'), reason)
    trail.value(q, 'paused_by', call('HGET', meta, 'paused_by'))
end

function verbs.pause(q, args)
    if q.trail then note_pause(q, args[2]) end
    call('HSET', q.keys.meta, 'paused', '1', 'paused_reason', args[2], 'paused_by', args[3], 'paused_at', q.now)
    return pause_changed(q, 'paused', args[3], args[2]) --@ pause-planned
end

function verbs.resume(q, _)
    if q.trail then note_pause(q) end
    call('HDEL', q.keys.meta, 'paused', 'paused_reason', 'paused_by', 'paused_at')
    return pause_changed(q, 'resumed') --@ resume-planned
end

function verbs.pause_all(q, args)
    local meta = q.keys.meta
    -- Whoever read an older version of the global flag is late and changes nothing.
    local version = whole(args[3], 0, MOST_EXACT)
    if not version then return error_reply('BADARG version') end
    local known = tonumber(call('HGET', meta, 'global_version')) or 0
    if version < known then return { 'ok' } end --@ pause-all-late
    -- Every process repeats the last one now and then: that is nothing new.
    if version == known then q.log = nil end --@ pause-all-again
    call('HSET', meta, 'global_version', version)
    if args[2] == '1' then
        call('HSET', meta, 'paused_all', '1', 'paused_all_reason', args[4], 'paused_all_by', args[5])
    else
        call('HDEL', meta, 'paused_all', 'paused_all_reason', 'paused_all_by')
    end
    if args[2] == '1' then return pause_changed(q, 'paused', args[5], args[4]) end
    return pause_changed(q, 'resumed')
end

-- Listeners come again before the time is over. Where it was over, or nobody had come before, something may have happened
-- unheard: an entry says so to readers that go on from before it. A stream that listeners know has an entry, so there is a
-- last one to read on from.
function verbs.listen(q, args)
    local window, meta, stream = whole(args[2], 1, MAX_WAIT), q.keys.meta, q.keys.events
    if not window then return error_reply('BADARG listen') end
    local last = look('XREVRANGE', stream, '+', '-', 'COUNT', 1)
    local was_heard = q.log and last[1] --@ listen-gap
    call('HSET', meta, 'listen_until', q.now + window)
    make_plan(q)
    q.log = nil
    if not was_heard then
        look('XADD', stream, 'MAXLEN', '~', KEPT_EVENTS, '*', '#listening', '')
        last = look('XREVRANGE', stream, '+', '-', 'COUNT', 1)
    end
    local at = last[1] and last[1][1] or '0-0'
    local is_whole = args[3] == '' or args[3] == '0-0' or look('XRANGE', stream, args[3], args[3])[1] --@ listen-whole
    return { 'ok', at, is_whole and 1 or 0 }
end

-- The one function that works on a queue which does not exist: it creates it.
function functions.configure(keys, given)
    if not call then capture() end
    local q = begin(keys[1])
    local args, refused = trail.begin(q, q.keys.trail, given)
    if not args then return refused end
    local verb = args[1]
    local is_new = q.refused and q.refused[1] == 'noqueue'
    if verb == 'create' and not is_new then return { 'ok' } end
    if q.refused and verb ~= 'create' then return q.refused end
    local act = verbs[verb]
    if not act then return error_reply('BADVERB') end
    local answer = act(q, args)
    trail.finish(q, verb, answer)
    if q.log then publish(q) end
    return answer
end
