#!lua flags=allow-oom
-- Creates a queue and changes its settings and pause flags.
--
-- ARGV: `create`, flag of pause-all, its version, epoch: a word that no other queue has
--     | `set`, pairs of setting and value (empty takes it back to its default)
--     | `environment`, pairs: as `set`, but only where the value differs from the environment's last one
--     | `pause`, reason, who  |  `resume`
--     | `pause_all`, flag, version, reason, who
-- Answer: `ok`, or {`bad`, setting}, or `busy` when `step` would change while jobs wait.
--@ names prelude due wake
local verb = ARGV[1]

-- Puts the settings that every call needs into one field; called behind each change of one of them.
local function make_plan()
    local set = call('HMGET', META, 'limit', 'lease', 'step', 'paused', 'paused_all', 'completed_age', 'completed_count')
    limit, halted = tonumber(set[1]) or 0, set[4] == '1' or set[5] == '1'
    local is_special = set[1] or set[2] or set[3] or halted or set[6] or set[7]
    call('HSET', META, 'plan', is_special and table.concat({
        format('%.0f', limit), set[2] or DEFAULT_LEASE, set[3] or format('%.0f', DEFAULT_STEP), halted and 1 or 0,
        set[6] or DEFAULT_AGE, set[7] or DEFAULT_COUNT,
    }, ' ') or '')
end

if verb == 'create' then
    if meta[1] then return { 'ok' } end
    -- In this order, since a field is looked for from the front: first what every call reads.
    call('HSET', META, 'schema', '1', 'clock', 0, 'stops', 0, 'plan', '', 'created', 0, 'completed', 0, 'deleted', 0,
        'repaired', 0, 'global_version', ARGV[3], 'epoch', ARGV[4] or '')
    if ARGV[2] == '1' then call('HSET', META, 'paused_all', '1') end
    make_plan()
    return { 'ok' }
end
if REFUSED then return REFUSED end

local RANGES = {
    limit = { 0, 1000000 },
    lease = { 50, 900000 },
    step = { 1, DEFAULT_STEP },
    completed_age = { 0, 31536000000 },
    completed_count = { 0, 1000000000 },
    failed_age = { 0, 31536000000 },
    failed_count = { 0, 1000000000 },
    cancelled_age = { 0, 31536000000 },
    cancelled_count = { 0, 1000000000 },
    durability = { 0, 2 },
}

local function bad_setting(from)
    for i = from, #ARGV, 2 do
        local range = RANGES[ARGV[i]]
        if not range then return { 'bad', 'unknown' } end
        if ARGV[i + 1] ~= '' and not whole(ARGV[i + 1], range[1], range[2]) then return { 'bad', ARGV[i] } end
        if ARGV[i] == 'step' and call('ZCARD', QUEUED) > 0 and (tonumber(ARGV[i + 1]) or DEFAULT_STEP) ~= step then
            return { 'busy' }
        end
    end
end

local function set(name, value)
    if value == '' then call('HDEL', META, name) else call('HSET', META, name, value) end
end

if verb == 'set' or verb == 'environment' then
    local no = bad_setting(2)
    if no then return no end
    for i = 2, #ARGV, 2 do
        local name, value = ARGV[i], ARGV[i + 1]
        if verb == 'set' then
            set(name, value)
        elseif call('HGET', META, name .. '_env') ~= value then
            call('HSET', META, name .. '_env', value)
            set(name, value)
        end
    end
    local before = limit
    make_plan()
    if limit ~= before then wake(call('ZCARD', QUEUED)) end
    return { 'ok' }
end

if verb == 'pause' then
    call('HSET', META, 'paused', '1', 'paused_reason', ARGV[2], 'paused_by', ARGV[3], 'paused_at', now)
    make_plan()
    call('DEL', WAKE)
    return { 'ok' }
end

if verb == 'resume' then
    call('HDEL', META, 'paused', 'paused_reason', 'paused_by', 'paused_at')
    make_plan()
    wake(call('ZCARD', QUEUED))
    return { 'ok' }
end

if verb == 'pause_all' then
    -- Whoever read an older version of the global flag is late and changes nothing.
    local version = whole(ARGV[3], 0, 2 ^ 53)
    if not version then return redis.error_reply('BADARG version') end
    if version < (tonumber(call('HGET', META, 'global_version')) or 0) then return { 'ok' } end
    call('HSET', META, 'global_version', version)
    if ARGV[2] == '1' then
        call('HSET', META, 'paused_all', '1', 'paused_all_reason', ARGV[4], 'paused_all_by', ARGV[5])
        make_plan()
        call('DEL', WAKE)
    else
        call('HDEL', META, 'paused_all', 'paused_all_reason', 'paused_all_by')
        make_plan()
        wake(call('ZCARD', QUEUED))
    end
    return { 'ok' }
end

return redis.error_reply('BADVERB')
