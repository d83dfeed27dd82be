-- What is known of limits: how much of them is in use, who holds it, who waits, and when the next job may start.
--
-- needs: runtime values limits usage limitwords
-- gives: limit_status
-- Answers are flat lists of names and values: the words of the object as `limitwords` names them, `name`, `source` (the object
-- in force), `usage`, `waiting`, `opens`, and `throttled_until` and `throttled_reason` of a held key. Of a class they are the
-- highest usage of one of its values and the jobs that wait for any of them, as far as a look at 1000 keys shows.
limit_status = {}

local LOOKED_AT, MOST_HOLDERS, MOST_KEYS = 1000, 5, 20

local function is_class(name) return sub(name, -2) == ':*' end
local function weight(text) return max(0, tonumber(text or '') or 0) end

-- The keys of some classes that are in use or waited for: by class a list, each with its usage and waiters.
local function keys_in_use(q, wanted)
    local found, by_class = {}, {}
    local function add(key)
        local class = limits.class_of(key)
        if not wanted[class] then return nil end
        local entry = found[key]
        if not entry then
            entry = { key = key, usage = 0, waiting = 0 }
            found[key] = entry
            by_class[class] = by_class[class] or {}
            by_class[class][#by_class[class] + 1] = entry
        end
        return entry
    end
    local used = call('HSCAN', q.keys.usage, '0', 'COUNT', LOOKED_AT)[2]
    for i = 1, min(#used, 2 * LOOKED_AT), 2 do
        local entry = add(used[i])
        if entry then entry.usage = weight(used[i + 1]) end
    end
    local waited = call('ZSCAN', q.keys.opens, '0', 'COUNT', LOOKED_AT)[2]
    for i = 1, min(#waited, 2 * LOOKED_AT), 2 do
        local entry = add(waited[i])
        if entry then entry.waiting = call('ZCARD', q.keys.waiters .. waited[i]) end
    end
    return by_class
end

local function of_class(keys)
    local usage, waiting = 0, 0
    for i = 1, #keys do usage, waiting = max(usage, keys[i].usage), waiting + keys[i].waiting end
    return usage, waiting
end

local function add_all(flat, values)
    for word, value in next, values do
        flat[#flat + 1] = word
        flat[#flat + 1] = type(value) == 'number' and digits(value) or value
    end
end

-- What is in force of an object, by the names of its words behind a dot.
local function in_force(source, words)
    local c, n, per, burst = limit_words.in_force(words)
    return { source = source, ['.c'] = c, ['.n'] = n, ['.per'] = per, ['.burst'] = n and burst, ['.paused'] = words.paused }
end

-- When the next job may start: 0 for now, a ms, or -1 where only the end of a job or an operator opens the key. Without
-- waiters that is one of weight 1.
local function opening(q, limit, name, usage, next_start, waiting)
    local noted = waiting > 0 and tonumber(call('ZSCORE', q.keys.opens, name) or '')
    local at = noted or limits.opening(q, limit, usage, limits.bounded_start(q, limit, next_start), 1, 0) --@ status-opening
    if at == huge then return -1 end --@ opening-never
    return at > q.now and at or 0 --@ opening-now
end

-- The flat list of one name; nothing where there is neither a limit nor a job that has to do with it, and, if only limits
-- are meant, where the name has none of its own that says anything.
local function status(q, name, by_class, is_limit)
    local found = call('HMGET', q.keys.limits, name, limits.class_of(name))
    local words = found[1] and limit_words.read(q, found[1])
    local says = words and limit_words.text(words) --@ list-says
    local held = not is_class(name) and limits.has_holds(q) and call('HGET', q.keys.throttled, name) or nil
    local held_until, why = limits.hold_of(q, held)
    if is_limit and not says and not held_until then return nil end
    local limit, source = limits.named(q, name, found[1], found[2])
    limit = limits.held_back(q, limit, held)
    local usage, waiting
    local arrival, flat = 0, {}
    if is_class(name) then
        usage, waiting = of_class(by_class[name] or {})
    else
        usage, waiting = weight(call('HGET', q.keys.usage, name)), call('ZCARD', q.keys.waiters .. name)
        arrival = weight(call('ZSCORE', q.keys.rates, name))
    end
    if not limit and (is_class(name) or usage + waiting == 0) then return nil end --@ status-nothing
    add_all(flat, { name = name, usage = usage, waiting = waiting })
    if words then add_all(flat, words) end
    if held_until then add_all(flat, { throttled_until = held_until, throttled_reason = why }) end --@ status-held
    if source then add_all(flat, in_force(source, source == name and words or limit_words.read(q, found[2]))) end
    if limit and not is_class(name) then add_all(flat, { opens = opening(q, limit, name, usage, arrival, waiting) }) end
    return flat
end

-- Several objects; none of those that are gone or say nothing any more.
function limit_status.list(q, names)
    local wanted, any = {}, false
    for i = 1, #names do
        if is_class(names[i]) then wanted[names[i]], any = true, true end
    end
    local by_class, results = any and keys_in_use(q, wanted) or {}, {}
    for i = 1, #names do results[#results + 1] = status(q, names[i], by_class, true) end
    return results
end

local HOLDING = { 'lk', 'lh', 'k' }

-- Up to five of the first 1000 jobs that run and hold the key: ids and weights.
local function holders(q, name)
    local ids, found = call('ZRANGE', q.keys.active, 0, LOOKED_AT - 1), {}
    for i = 1, #ids do
        if #found >= 2 * MOST_HOLDERS then return found end --@ holders-bound
        local keys = limits.held_by(read_job(q, ids[i], HOLDING))
        for k = 1, #keys, 2 do
            if keys[k] == name then found[#found + 1], found[#found + 2] = ids[i], keys[k + 1] end
        end
    end
    return found
end

-- The busiest keys of a class: key, usage, waiters.
local function busiest(keys)
    local flat = {}
    for _ = 1, min(#keys, MOST_KEYS) do
        local best
        for i = 1, #keys do
            local entry = keys[i]
            local more = entry and (not best or entry.usage + entry.waiting > keys[best].usage + keys[best].waiting)
            if more then best = i end
        end
        flat[#flat + 1] = keys[best].key
        flat[#flat + 1] = digits(keys[best].usage)
        flat[#flat + 1] = keys[best].waiting
        keys[best] = false
    end
    return flat
end

-- One name with the jobs that hold it, or a class with its keys that are in use.
function limit_status.one(q, name)
    local by_class = is_class(name) and keys_in_use(q, { [name] = true }) or {}
    local flat = status(q, name, by_class)
    if not flat then return { false, {}, {} } end
    if is_class(name) then return { flat, {}, busiest(by_class[name] or {}) } end
    return { flat, holders(q, name), {} }
end
