-- Sets, removes, pauses and resumes the limits of a queue.
--
-- needs: runtime events trail plan limits usage waiters dues limitwords
-- args: `set`, name, `base` or `override`, concurrency, starts, in how many ms, burst, until
--     | `pause`, name, until, reason, who
--     | `resume`, name  |  `reset`, name: without its override, its pause and its hold  |  `remove`, name
-- What is not set is empty. `until` is a number of ms from now, or `@` and a moment of Redis' clock in ms.
-- Answer: `ok` and 1 where something has changed; {`bad`, what}; or `missing`.
-- `<class>:<value>`, or `<class>:*` for each value of a class.
local function is_name(name)
    local class, value = match(name or '', '^([a-z][a-z0-9_-]*):(.+)$')
    if not class or #class > 32 or #value > 128 then return false end --@ limit-name
    return not find(value, '[%z\1-\31\127]') and not find(value, '^ ') and not find(value, ' $')
end

-- The end of an override or of a pause in ms; nothing where it has none; false where it is none or over.
local function end_of(q, text)
    if text == '' then return nil end
    local wait = wait_of(q, text)
    if not wait or wait < 1 then return false end --@ limit-past
    return q.now + wait
end

-- Takes out the objects that say nothing any more, when the queue has as many as it may.
local function has_place(q)
    local key = q.keys.limits
    if call('HLEN', key) < MOST_LIMITS then return true end --@ limit-count
    local all, gone = call('HGETALL', key), {}
    for i = 1, #all, 2 do
        if not limit_words.text(limit_words.read(q, all[i + 1])) then gone[#gone + 1] = all[i] end
    end
    in_chunks('HDEL', key, gone)
    return #gone > 0
end

local SHOWN = {
    { 'concurrency', 'c' }, { 'rate', 'n', 'per', 'burst' }, { 'override_concurrency', 'oc' },
    { 'override_rate', 'on', 'oper', 'oburst' }, { 'override_until', 'ountil' }, { 'paused', 'paused' },
    { 'paused_until', 'until' }, { 'reason', 'reason' }, { 'paused_by', 'by' },
}

-- A value of an object as the audit trail shows it: a rate as `<starts>/<ms>ms burst <n>`.
local function shown(words, names)
    local value = words[names[2]]
    if not value then return nil end
    if names[2] == 'paused' then return 'yes' end
    if type(value) == 'string' then return value end
    local text = format('%.0f', value)
    if not names[3] then return text end
    return text .. '/' .. format('%.0f', words[names[3]] or 0) .. 'ms burst ' .. format('%.0f', words[names[4]] or 1)
end

local function note_change(q, old, new)
    for i = 1, #SHOWN do
        local was, is = shown(old, SHOWN[i]), shown(new, SHOWN[i])
        if was ~= is then trail.value(q, SHOWN[i][1], was, is) end --@ limit-noted
    end
end

-- Writes an object, or deletes one of which nothing is left.
local function store(q, name, known, words)
    local key, text = q.keys.limits, words and limit_words.text(words)
    if text == known then return { 'ok', 0 } end
    if not known and not has_place(q) then return { 'bad', 'limits' } end --@ limit-capacity
    if q.trail then note_change(q, known and limit_words.read(q, known) or {}, words or {}) end
    if text then call('HSET', key, name, text) else call('HDEL', key, name) end --@ limit-stored
    if not known or not text then --@ limit-counted
        limits.count(q)
        make_plan(q)
    end
    limits.changed(q, name) --@ limit-changed
    if q.log then events.of_queue(q, 'configured', 'limits') end --@ limit-told
    return { 'ok', 1 }
end

local verbs = {}

-- The values of `set` as words; nothing, and which one is bad.
local function values_of(q, args)
    local values = { args[4], args[5], args[6], args[7] }
    local least, most = { 0, 1, 1, 1 }, { MOST_LIMIT_VALUE, MOST_LIMIT_VALUE, MAX_WAIT, MOST_LIMIT_VALUE }
    local names = { 'concurrency', 'count', 'per', 'burst' }
    for i = 1, 4 do
        local number = whole(values[i], least[i], most[i])
        if values[i] ~= '' and not number then return nil, names[i] end --@ limit-values
        values[i] = number
    end
    if values[1] == nil and values[2] == nil then return nil, 'empty' end --@ limit-nothing
    if (values[2] == nil) ~= (values[3] == nil) then return nil, values[2] and 'per' or 'count' end
    if not values[2] then values[4] = nil end
    local till = end_of(q, args[8])
    if till == false or (till and args[3] ~= 'override') then return nil, 'until' end
    return values, nil, till
end

function verbs.set(q, name, known, args)
    local values, bad, till = values_of(q, args)
    if not values then return { 'bad', bad } end
    local words = limit_words.read(q, known or '')
    local mark = args[3] == 'override' and 'o' or ''
    words[mark .. 'c'], words[mark .. 'n'], words[mark .. 'per'] = values[1], values[2], values[3]
    words[mark .. 'burst'] = values[4]
    if mark == 'o' then words.ountil = till end
    return store(q, name, known, words)
end

function verbs.pause(q, name, known, args)
    local till = end_of(q, args[3])
    if till == false then return { 'bad', 'until' } end
    local words = limit_words.read(q, known or '')
    words.paused, words['until'] = 1, till
    words.reason, words.by = gsub(args[4], '%c', ' '), gsub(args[5], '%c', ' ')
    return store(q, name, known, words)
end

function verbs.resume(q, name, known)
    local words = limit_words.read(q, known)
    limit_words.without_pause(words)
    return store(q, name, known, words)
end

function verbs.reset(q, name, known)
    local held_until, answer = limits.lift(q, name), { 'ok', 0 }
    if not known and not held_until then return { 'missing' } end
    if known then
        local words = limit_words.read(q, known)
        limit_words.without_pause(words)
        limit_words.without_override(words)
        answer = store(q, name, known, words)
    end
    if not held_until then return answer end
    if q.trail then trail.value(q, 'throttled_until', format('%.0f', held_until), nil) end
    if answer[2] == 1 then return answer end
    limits.changed(q, name) --@ hold-reset
    if q.log then events.of_queue(q, 'configured', 'limits') end
    return { 'ok', 1 }
end

function verbs.remove(q, name, known) return store(q, name, known, nil) end

-- The verbs that need a limit which is there already.
local CHANGES = { resume = true, remove = true }

local function judged(q, verb, name, args)
    if not is_name(name) then return { 'bad', 'name' } end
    if q.trail then trail.value(q, 'limit', name, name) end
    local known = call('HGET', q.keys.limits, name) or nil
    if CHANGES[verb] and not known then return { 'missing' } end
    return verbs[verb](q, name, known, args)
end

local ARGUMENTS = { set = 8, pause = 5, resume = 2, reset = 2, remove = 2 }

local function limit(q, given)
    local args, refused = trail.begin(q, q.keys.trail, given)
    if not args then return refused end
    local verb, name = args[1], args[2]
    if not verbs[verb] then return error_reply('BADVERB') end
    if #args ~= ARGUMENTS[verb] then return error_reply('BADARG limit') end
    local answer = judged(q, verb, name, args)
    trail.finish(q, verb .. '_limit', answer)
    return answer
end

functions.limit = of_queue(limit)
