-- Creates a queue and changes its settings and pause flags.
--
-- needs: runtime wake
-- args: `create`, flag of pause-all, its version, epoch: a word that no other queue has
--     | `set`, pairs of setting and value (empty takes it back to its default)
--     | `environment`, pairs: as `set`, but only where the value differs from the environment's last one
--     | `pause`, reason, who  |  `resume`
--     | `pause_all`, flag, version, reason, who
-- Answer: `ok`, or {`bad`, setting}, or `busy` when `step` would change while jobs wait.

-- Puts the settings that every call needs into one field; called behind each change of one of them.
local function make_plan(q)
    local meta, words = q.keys.meta, {}
    local set = call('HMGET', meta, unpack(PLAN_NAMES))
    for i = 1, #PLAN_NAMES do
        local name, value = PLAN_NAMES[i], tonumber(set[i])
        q[name] = value or PLAN[name]
        if value and value ~= PLAN[name] then words[#words + 1] = name .. '=' .. format('%.0f', value) end
    end
    local flags = call('HMGET', meta, 'paused', 'paused_all')
    q.halted = flags[1] == '1' or flags[2] == '1'
    if q.halted then words[#words + 1] = 'halted=1' end
    call('HSET', meta, 'plan', concat(words, ' '))
end

local verbs = {}

function verbs.create(q, args)
    local meta = q.keys.meta
    -- In this order, since a field is looked for from the front: first what every call reads.
    call('HSET', meta, 'schema', SCHEMA, 'clock', 0, 'stops', 0, 'plan', '', 'created', 0, 'completed', 0, 'deleted', 0,
        'repaired', 0, 'global_version', args[3], 'epoch', args[4] or '')
    if args[2] == '1' then call('HSET', meta, 'paused_all', '1') end
    make_plan(q)
    return { 'ok' }
end

local function bad_setting(q, args)
    for i = 2, #args, 2 do
        local name, value = args[i], args[i + 1]
        local range = SETTINGS[name]
        if not range then return { 'bad', 'unknown' } end
        if value ~= '' and not whole(value, range[1], range[2]) then return { 'bad', name } end
        if name == 'step' and call('ZCARD', q.keys.queued) > 0 and (tonumber(value) or PLAN.step) ~= q.step then --@ step-busy
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
    local meta = q.keys.meta
    for i = 2, #args, 2 do
        local name, value = args[i], args[i + 1]
        if not is_environment then
            set_one(meta, name, value)
        elseif call('HGET', meta, name .. '_env') ~= value then --@ environment
            call('HSET', meta, name .. '_env', value)
            set_one(meta, name, value)
        end
    end
    local before = q.limit
    make_plan(q)
    if q.limit ~= before then wake(q, call('ZCARD', q.keys.queued)) end --@ limit-wakes
    return { 'ok' }
end

function verbs.set(q, args) return apply(q, args, false) end
function verbs.environment(q, args) return apply(q, args, true) end

-- After a flag of a pause has changed.
local function pause_changed(q)
    make_plan(q)
    if q.halted then call('DEL', q.keys.wake) else wake(q, call('ZCARD', q.keys.queued)) end --@ resume-wakes
    return { 'ok' }
end

function verbs.pause(q, args)
    call('HSET', q.keys.meta, 'paused', '1', 'paused_reason', args[2], 'paused_by', args[3], 'paused_at', q.now)
    return pause_changed(q) --@ pause-planned
end

function verbs.resume(q, _)
    call('HDEL', q.keys.meta, 'paused', 'paused_reason', 'paused_by', 'paused_at')
    return pause_changed(q) --@ resume-planned
end

function verbs.pause_all(q, args)
    local meta = q.keys.meta
    -- Whoever read an older version of the global flag is late and changes nothing.
    local version = whole(args[3], 0, MOST_EXACT)
    if not version then return error_reply('BADARG version') end
    if version < (tonumber(call('HGET', meta, 'global_version')) or 0) then return { 'ok' } end --@ pause-all-late
    call('HSET', meta, 'global_version', version)
    if args[2] == '1' then
        call('HSET', meta, 'paused_all', '1', 'paused_all_reason', args[4], 'paused_all_by', args[5])
    else
        call('HDEL', meta, 'paused_all', 'paused_all_reason', 'paused_all_by')
    end
    return pause_changed(q)
end

-- The one function that works on a queue which does not exist: it creates it.
function functions.configure(keys, args)
    if not call then capture() end
    local q, verb = begin(keys[1]), args[1]
    local is_new = q.refused and q.refused[1] == 'noqueue'
    if verb == 'create' and not is_new then return { 'ok' } end
    if q.refused and verb ~= 'create' then return q.refused end
    local act = verbs[verb]
    if not act then return error_reply('BADVERB') end
    return act(q, args)
end
