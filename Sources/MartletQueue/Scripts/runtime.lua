-- The ground of the library: what Lua offers, the names of a queue's keys, and what one call knows of its queue.
--
-- needs: schema
-- Nothing global may be touched while Redis loads a library, so the first call takes what all of them use.
local call, look, error_reply, floor, ceil, min, max, abs, frexp, ldexp, huge
local byte, find, format, gmatch, gsub, match, rep, sub, concat, next, setmetatable, tonumber, type, unpack

-- `look` reads a job's key. One of another type is no job: the answer is an error without fields, and only that job is
-- affected.
local function capture()
    local redis, math, string = _G.redis, _G.math, _G.string
    call, look, error_reply = redis.call, redis.pcall, redis.error_reply
    floor, ceil, min, max, abs = math.floor, math.ceil, math.min, math.max, math.abs
    frexp, ldexp, huge = math.frexp, math.ldexp, math.huge
    byte, find, format, gmatch, match = string.byte, string.find, string.format, string.gmatch, string.match
    gsub, rep, sub, concat, next = string.gsub, string.rep, string.sub, _G.table.concat, _G.next
    setmetatable, tonumber, type, unpack = _G.setmetatable, _G.tonumber, _G.type, _G.unpack
end

-- The most words of one variadic command that Lua can bear.
local CHUNK = 1000
-- A variadic command in pieces.
local function in_chunks(command, key, list)
    for i = 1, #list, CHUNK do call(command, key, unpack(list, i, min(i + CHUNK - 1, #list))) end
end

-- A whole number within bounds, or nil. The pattern keeps out NaN, hexadecimal, exponents and blanks.
local function whole(text, low, high)
    if not text or not find(text, '^%-?%d+$') then return nil end --@ whole
    local number = tonumber(text)
    if number < low or number > high then return nil end
    return number
end

-- The names of the keys of the queues that were called last. A cache and no state: each follows from the queue's prefix.
local MOST_QUEUES = 1000
local queues, queue_count = {}, 0

local function names_of(prefix)
    if queue_count >= MOST_QUEUES then queues, queue_count = {}, 0 end
    local keys = {}
    for i = 1, #KEYS_OF_A_QUEUE do keys[KEYS_OF_A_QUEUE[i]] = prefix .. KEYS_OF_A_QUEUE[i] end
    -- A job's own key is this and its id, that of a limit's waiters this and the limit's key.
    keys.job, keys.waiters = prefix .. JOB_KEY, prefix .. WAITERS_KEY
    queues[prefix], queue_count = keys, queue_count + 1
    return keys
end

-- Why a call answers instead of working: the queue is unknown here, or written by a version that this one cannot read.
-- `schema` is the version that wrote the queue, and behind a blank the least version that can read it.
local function refusal(schema)
    if not schema then return { 'noqueue' } end
    local written, least = match(schema, '^(%d+) ?(%d*)$')
    if (tonumber(least or '') or tonumber(written or '') or huge) > VERSION then return { 'schema', schema } end --@ schema
    return nil
end

-- The settings that every call needs stand together in `plan` as `name=value`, which `configure` writes with each change;
-- those with their defaults are left out, so it is empty for most queues. Names of other versions mean nothing here.
local function read_plan(q, plan)
    for name, value in gmatch(plan, '([%w_]+)=(%S+)') do
        if PLAN[name] then q[name] = tonumber(value) or PLAN[name] end
    end
    -- Somebody listens: what happens is gathered, and published when the call ends.
    if q.listen > q.now then q.log = {} end --@ listens
end

-- A setting that is not in a queue's plan has its default.
local WITH_DEFAULTS = { __index = PLAN }

-- What one call knows: the names of the queue's keys, its settings, and the clock. What a call gathers is added to it.
local function begin(prefix)
    local keys = queues[prefix] or names_of(prefix)
    local meta = call('HMGET', keys.meta, 'schema', 'clock', 'stops', 'plan', 'offset')
    -- Read once; the only clock there is, in ms. As text it is put together, since `format` costs as much as a command.
    local time = call('TIME')
    local stamp = time[1] .. sub('00000' .. time[2], -6, -4)
    local now = tonumber(stamp) --@ clock
    -- Tests move it.
    if meta[5] then
        now = now + tonumber(meta[5])
        stamp = format('%.0f', now)
    end
    local last_place = meta[2] or ''
    local q = setmetatable({
        keys = keys, now = now, stamp = stamp, stops = tonumber(meta[3]) or 0,
        -- The last place in line that was given out, behind it the id that has it, and its ms alone; see `places`.
        last_place = last_place, clock = tonumber(sub(last_place, 1, 13)) or 0,
    }, WITH_DEFAULTS)
    if meta[1] ~= SCHEMA then q.refused = refusal(meta[1]) end
    if meta[4] and meta[4] ~= '' then read_plan(q, meta[4]) end
    return q
end

-- A function of a queue whose first argument names one of its verbs.
local function by_verb(verbs)
    return function(q, args)
        local act = verbs[args[1]]
        if not act then return error_reply('BADVERB') end
        return act(q, args)
    end
end

-- The most words of an entry of the stream, and how many entries are kept of it, about.
local MOST_WORDS, KEPT_EVENTS = 6000, 2000

-- What happened in this call: one entry of the stream for those who listen, or none. See `events` for its words. It is the
-- last write of a call, and nothing else depends on it.
local function publish(q)
    local log = q.log
    for i = 2, #log, 2 do
        if type(log[i]) == 'table' then log[i] = concat(log[i], ' ') end
    end
    for i = 1, #log, MOST_WORDS do
        local last = min(i + MOST_WORDS - 1, #log)
        look('XADD', q.keys.events, 'MAXLEN', '~', KEPT_EVENTS, '*', unpack(log, i, last)) --@ published
    end
end

-- What Redis calls, by name; each file of a function adds its own.
local functions = {}

-- A function of a queue: its key is the queue's prefix.
local function of_queue(act)
    return function(keys, args)
        if not call then capture() end
        local q = begin(keys[1])
        if q.refused then return q.refused end
        if not q.log then return act(q, args) end
        local answer = act(q, args)
        if q.log then publish(q) end
        return answer
    end
end
