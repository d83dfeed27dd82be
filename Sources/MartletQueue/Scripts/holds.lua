-- Holds: keys that are closed for a time because the service behind them told a job to wait.
--
-- needs: runtime events plan limits
-- gives:
-- Adds to `limits`.
--
-- The hash `throttled` has `<until ms> <reason>` for each held key. A hold counts besides the limit of the key, which may have
-- none, and ends by itself. While there are any, the word `limited` of the plan has 32, and only then calls read the hash.
local MOST_HELD_MS, MOST_SWEPT, MOST_REASON = 86400000, 200, 200

function limits.has_holds(q) return limits.has_kind(q, 32) end --@ holds-known

-- Until when a hold lasts, and why; nothing for one that is over. One that ends later than any may is left of a clock that has
-- gone back.
function limits.hold_of(q, text)
    local till, reason = match(text or '', '^(%d+) ?(.*)$')
    till = whole(till, 0, MOST_EXACT)
    if not till or till <= q.now or till > q.now + 2 * MOST_HELD_MS then return nil end --@ hold-over
    return till, reason
end

-- What limits a key besides its limit, if it has one, while a hold lasts. Nothing changes before it ends.
function limits.held_back(q, limit, text)
    local till = limits.hold_of(q, text)
    if not till then return limit end
    local both = {}
    for word, value in next, limit or {} do both[word] = value end
    both.closed_until = max(till, both.closed_until or 0) --@ hold-longest
    both.changes_at = both.closed_until
    return both
end

-- What is stored of the holds of keys; nothing where the queue has none.
function limits.holds_of(q, keys, first, last)
    return limits.has_holds(q) and call('HMGET', q.keys.throttled, unpack(keys, first, last)) or nil
end

-- Takes out those of a flat list of keys and holds that are over.
local function forget(q, list)
    local gone = {}
    for i = 1, #list, 2 do
        if not limits.hold_of(q, list[i + 1]) then gone[#gone + 1] = list[i] end
    end
    in_chunks('HDEL', q.keys.throttled, gone) --@ holds-swept
    return #gone
end

local function has_place(q)
    local name = q.keys.throttled
    if call('HLEN', name) < MOST_LIMITS then return true end
    return forget(q, call('HGETALL', name)) > 0 --@ holds-bound
end

-- The plan says which kinds of keys are limited or held.
local function note_kinds(q)
    limits.count(q)
    make_plan(q)
end

-- Closes a key for some ms; a hold that ends later stays as it is. Says whether the key is held then.
function limits.hold(q, key, ms, reason)
    local name = q.keys.throttled
    local known = call('HGET', name, key)
    local till, was = q.now + min(max(1, ms), MOST_HELD_MS), limits.hold_of(q, known) --@ hold-bound
    if was and was >= till then return true end --@ hold-kept
    if not known and not has_place(q) then return false end
    local text = format('%.0f', till) .. ' ' .. gsub(sub(reason, 1, MOST_REASON), '%c', ' ')
    call('HSET', name, key, text) --@ hold-stored
    if not limits.is_counted(q, key) then note_kinds(q) end --@ hold-counted
    local entry = limits.know(q, key)
    if entry.used then entry.limit = limits.held_back(q, entry.limit, text) end --@ hold-met
    entry.touched = true --@ hold-touched
    return true
end

-- Ends a hold before its time; says until when it would have lasted, or nothing. The caller has the key looked at.
function limits.lift(q, key)
    local till = limits.hold_of(q, call('HGET', q.keys.throttled, key))
    if not till then return nil end
    call('HDEL', q.keys.throttled, key) --@ hold-lifted
    note_kinds(q)
    return till
end

-- The weight with which a job has a key, or nothing where it does not have it.
function limits.weight_of(job, key)
    for weight, name in gmatch(job.lk or '', '(%d+) ([^\n]+)') do
        if name == key then return tonumber(weight) end --@ hold-weight
    end
    if key == 'type:' .. (job.t or '') then return 1 end --@ hold-type
    for tag in gmatch(job.y or '', '[^\n]+') do
        if key == 'tag:' .. tag then return 1 end --@ hold-tag
    end
    return nil
end

-- A page of the holds, for sweeps: those that are over go.
function limits.sweep_holds(q)
    if not limits.has_holds(q) then return end
    local cursor = call('HGET', q.keys.meta, 'throttled_cursor') or '0'
    local page = call('HSCAN', q.keys.throttled, cursor, 'COUNT', MOST_SWEPT)
    forget(q, page[2])
    call('HSET', q.keys.meta, 'throttled_cursor', page[1])
end

-- What is wrong with the hold of a key, or nothing.
function limits.wrong_hold(q, text)
    if not match(text, '^%d+ ') then return 'its hold has no end' end
    if limits.hold_of(q, text) and not limits.has_holds(q) then return 'it is held, and the plan does not say so' end
    return nil
end

-- Mends what is wrong with a hold.
function limits.mend_hold(q, key, text)
    if not match(text, '^%d+ ') then call('HDEL', q.keys.throttled, key) end
    note_kinds(q)
end
