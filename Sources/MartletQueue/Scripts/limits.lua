-- Limits: how many jobs of a key may run at a time, and how many may start in a time.
--
-- needs: runtime limitwords
-- gives: limits
-- The hash `limits` has an object for each limited key (`host:slow.example`) and each limited class (`host:*`, which is a
-- limit for each value of it). The object of the key itself counts before that of its class. An object is a line of words
-- and perhaps two lines more, the reason and the author of the last change:
--   `c=10`: the weight that may run at a time; `n=100 per=60000 burst=1`: so many starts in so many ms, so many of them at once
--   `oc=`, `on=`, `oper=`, `oburst=`: the same of an override, which counts in place of all of these; `ountil=`: until when (ms)
--   `paused=1`, `until=`: nothing starts, until then (ms) where it is said
-- Words of other versions are kept and mean nothing here.
limits = {}

-- What an object limits now, or false. `concurrency` is the weight that may run, or nil; `interval` the ms between starts in the
-- long run, or nil, and `burst` how many may start at once; `closed_until` when a pause ends, or nil without one. At
-- `changes_at` the object says something else by itself; `huge` where it does not.
local function parsed(q, text)
    local words = limit_words.read(q, text)
    local concurrency, starts, span, burst = limit_words.in_force(words)
    local interval = starts and span and starts > 0 and span / starts or nil
    local closed_until = words.paused and (words['until'] or huge) or nil
    if not (concurrency or interval or closed_until) then return false end
    local override_until = (words.oc or words.on) and words.ountil or huge
    return {
        concurrency = concurrency, interval = interval, burst = burst, closed_until = closed_until,
        -- What a push is measured by: an override or a pause may end before the job's turn comes.
        most = words.c, most_at_once = words.n and (words.burst or 1),
        changes_at = closed_until or override_until, --@ limit-changes
    }
end

-- The same; a class has one object for all its keys, which a call reads once.
local function parse(q, text)
    local known = q.parsed or {}
    q.parsed = known
    if known[text] == nil then known[text] = parsed(q, text) end
    return known[text]
end

-- The class of a key, as the name of its limit: `host:*` of `host:slow.example`.
function limits.class_of(key) return match(key, '^[^:]*:') .. '*' end

-- The limit of a key, or nothing: its own, else that of its class; then its name.
function limits.named(q, key, own, of_class)
    local limit = own and parse(q, own)
    if limit then return limit, key end --@ limit-own
    limit = of_class and parse(q, of_class)
    if limit then return limit, limits.class_of(key) end --@ limit-class
    return nil
end

-- The base values of a key, which a push is measured by, and their name: those of its own object, else of its class.
function limits.base(q, key, own, of_class)
    local limit = own and parse(q, own)
    if limit and (limit.most or limit.most_at_once) then return limit, key end --@ base-own
    return of_class and parse(q, of_class), limits.class_of(key)
end

-- When the next start is due in theory, under the rate in force: what starts under another rate have left counts for no more
-- than starts under this one can have left.
function limits.bounded_start(q, limit, next_start)
    if not (limit and limit.interval) then return next_start end
    return min(next_start, q.now + limit.burst * limit.interval) --@ start-bounded
end

-- Whether a limit has capacity for a weight where `used` counts already, and the next start is due at `next_start` in theory.
function limits.has_capacity(q, limit, used, next_start, weight, others)
    if not limit then return true end
    if limit.closed_until then return false end --@ capacity-paused
    if limit.concurrency and used + others + weight > limit.concurrency then return false end --@ capacity-concurrency
    if not limit.interval then return true end
    return max(next_start, q.now) + (others + weight - limit.burst) * limit.interval <= q.now --@ capacity-rate
end

-- When a limit gets capacity for a weight by time alone (ms), or `huge`; `others` counts besides what runs.
function limits.opening(q, limit, used, next_start, weight, others)
    if not limit then return q.now end
    local at = q.now
    if limit.closed_until then
        at = limit.closed_until
    elseif limit.concurrency and used + others + weight > limit.concurrency then
        at = huge --@ opening-full
    elseif limit.interval then
        -- Where others of the key come first, it opens when they have started.
        local ahead = (others + weight - limit.burst) * limit.interval
        at = ahead > 0 and huge or max(q.now, ceil(next_start + ahead)) --@ opening-rate
    end
    return min(at, limit.changes_at) --@ opening-changes
end

-- Which kinds of limits a queue has, as the word `limited` of its plan: 1 for any, 2 for one of the class `type`, 4 for
-- `tag`, 8 for `group`, 16 where jobs wait for a limit, 32 where keys are held. Held keys count for the kinds too. Called
-- behind each change of the objects and of the holds, before the plan is made.
local MASKS = { type = 2, tag = 4, group = 8 }
function limits.count(q)
    local names, held, mask, seen = call('HKEYS', q.keys.limits), call('HKEYS', q.keys.throttled), 0, {}
    for _, keys in next, { names, held } do
        for i = 1, #keys do
            local class = match(keys[i], '^([^:]*):')
            if class and not seen[class] then
                seen[class] = true
                mask = mask + (MASKS[class] or 0)
            end
        end
    end
    if names[1] then mask = mask + 1 end
    if held[1] then mask = mask + 32 end --@ limited-holds
    if call('EXISTS', q.keys.opens) == 1 then mask = mask + 16 end --@ limited-waits
    if mask == 0 then return call('HDEL', q.keys.meta, 'limited') end
    call('HSET', q.keys.meta, 'limited', mask) --@ limited-kept
end

-- Whether the plan says that the queue has a kind of limits, named by its number in `limited`.
function limits.has_kind(q, number) return floor(q.limited / number) % 2 == 1 end

-- Whether the plan says already that keys of this kind are held.
function limits.is_counted(q, key)
    local mask = MASKS[match(key, '^[^:]*')]
    return limits.has_holds(q) and (not mask or limits.has_kind(q, mask))
end
