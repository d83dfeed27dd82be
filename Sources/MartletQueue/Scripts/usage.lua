-- The limit keys of jobs: what a call knows of each, what runs by it, and what its claims take and its ends release.
--
-- needs: runtime values limits holds
-- gives:
-- Adds to `limits`.
--
-- A key that a call meets has one value in `q.known`: `limit` and its `name`, `used` (the weight that runs), `standing` (the
-- weight that waited and is back in line), `next_start` (when the next start is due in theory) and `opens` (when it opens by
-- time; nil where nobody waits), and the texts of its two objects. They are read once for all keys of a call, changed here, and
-- written once. A key of which nothing was read has `by` in place of `used`: then no limit matters, and the weight is counted for
-- limits to come.

-- What the call knows of a key.
function limits.know(q, key)
    local known = q.known
    if not known then
        known = {}
        q.known = known
    end
    local entry = known[key]
    if not entry then
        entry = { key = key, by = 0 }
        q.has_unread = true
        known[#known + 1], known[key] = entry, entry
    end
    return entry
end

-- Reads all that is stored of keys that the call knows and has not read.
function limits.load(q)
    if not q.has_unread then return end
    q.has_unread = false
    local names, keys, new = {}, {}, {}
    for i = 1, #q.known do
        local entry = q.known[i]
        if not entry.used then
            local n = #new + 1
            new[n], keys[n] = entry, entry.key
            names[2 * n - 1], names[2 * n] = entry.key, limits.class_of(entry.key)
        end
    end
    for first = 1, #new, CHUNK / 2 do limits.load_some(q, new, names, keys, first, min(first + CHUNK / 2 - 1, #new)) end
end

function limits.load_some(q, new, names, keys, first, last)
    local found = call('HMGET', q.keys.limits, unpack(names, 2 * first - 1, 2 * last))
    local used = call('HMGET', q.keys.usage, unpack(keys, first, last))
    local standing = call('HMGET', q.keys.standing, unpack(keys, first, last))
    local starts = call('ZMSCORE', q.keys.rates, unpack(keys, first, last))
    local opens = call('ZMSCORE', q.keys.opens, unpack(keys, first, last))
    local held = limits.holds_of(q, keys, first, last)
    for i = first, last do
        local entry, k = new[i], i - first + 1
        entry.limit, entry.name = limits.named(q, entry.key, found[2 * k - 1], found[2 * k])
        if held then entry.limit, entry.hold = limits.held_back(q, entry.limit, held[k]), held[k] end --@ hold-read
        entry.used = max(0, (tonumber(used[k] or '') or 0) + entry.by)
        entry.standing = tonumber(standing[k] or '') or 0
        local next_start = tonumber(starts[k] or '') or 0
        entry.next_start = limits.bounded_start(q, entry.limit, next_start)
        -- Kept, since the bound moves on with the clock; and the key opens sooner.
        if entry.next_start < next_start then entry.has_started, entry.touched = true, true end --@ bound-kept
        entry.own, entry.of_class = found[2 * k - 1], found[2 * k]
        entry.opens = tonumber(opens[k] or '')
    end
end

-- The keys in lines of `<weight> <key>`, as a flat list of key and weight.
local function add_lines(list, text)
    -- Most jobs have one key, and to match it is cheaper.
    local only_weight, only_key = match(text, '^(%d+) ([^\n]+)$')
    if only_weight then
        local n = #list
        list[n + 1], list[n + 2] = only_key, tonumber(only_weight)
        return list
    end
    for weight, key in gmatch(text, '(%d+) ([^\n]+)') do
        list[#list + 1] = key
        list[#list + 1] = tonumber(weight)
    end
    return list
end

-- The keys that a job has without having named them, as lines; `''` where the queue limits none of their classes.
function limits.implicit(q, job)
    local lines = ''
    if limits.has_kind(q, 2) then lines = '1 type:' .. job.t end --@ implicit-type
    if job.y and limits.has_kind(q, 4) then
        for tag in gmatch(job.y, '[^\n]+') do lines = lines .. '\n1 tag:' .. tag end --@ implicit-tag
    end
    return lines
end

-- All keys of a job that is not running: a flat list of key and weight.
function limits.keys_of(q, job)
    if job.list then return job.list end
    local list = job.lk and add_lines({}, job.lk) or {}
    local lines = q.limited > 1 and limits.implicit(q, job) or ''
    if lines ~= '' then
        job.implicit = lines
        add_lines(list, lines)
    end
    return list
end

-- The keys of a job, which the call reads together with those of others.
function limits.note_keys(q, job)
    local list = limits.keys_of(q, job)
    for i = 1, #list, 2 do limits.know(q, list[i]) end
    return list
end

-- The weight with which a job waits for a key, or waited last, and the key; nothing for a job that waits for none.
function limits.wait_of(job)
    local weight, key = match(job.lw or '', '^(%d+) (.+)$')
    if weight then return tonumber(weight), key end
end

local WAIT = { 'lw' }
-- The weight of an entry of `waits:<key>`, or nothing where the job is not blocked or waits for another key.
function limits.weight_of_waiter(q, id, key)
    local weight, named = limits.wait_of(read_job(q, id, WAIT))
    return named == key and call('ZSCORE', q.keys.blocked, id) and weight or nil
end

-- All keys that count for an entry of `active`. The implicit ones are those that its last claim took.
function limits.held_by(job)
    local list = job.lk and add_lines({}, job.lk) or {}
    local claims, lines = match(job.lh or '', '^(%d+)\n(.*)$')
    if claims and live(job.k) and tonumber(claims) == claims_of(job.k) then add_lines(list, lines) end --@ held-claim
    return list
end

-- More of a key runs, or less.
function limits.use(q, key, weight)
    local entry = limits.know(q, key)
    if entry.used then entry.used = max(0, entry.used + weight) else entry.by = entry.by + weight end --@ usage-counted
    entry.has_used = true
    return entry
end

-- A job left `active`: its keys are free for others.
function limits.release(q, job)
    local list = limits.held_by(job)
    for i = 1, #list, 2 do limits.use(q, list[i], -list[i + 1]).touched = true end --@ usage-released
end

-- A job is about to run: all its keys count.
function limits.take(q, list)
    for i = 1, #list, 2 do
        local entry, weight = limits.use(q, list[i], list[i + 1]), list[i + 1]
        if entry.limit and entry.limit.interval then
            entry.next_start = max(entry.next_start, q.now) + weight * entry.limit.interval --@ rate-start
            entry.has_started, entry.touched = true, true
        end
    end
end

-- A job that was handed out has not begun, since its worker does not know its type: its start does not count for rates.
function limits.take_back_start(q, job)
    if q.limited == 0 then return end
    local list = limits.held_by(job)
    for i = 1, #list, 2 do limits.know(q, list[i]) end
    limits.load(q)
    for i = 1, #list, 2 do
        local entry = q.known[list[i]]
        local interval = entry.limit and entry.limit.interval
        if interval and entry.next_start > 0 then
            entry.next_start = max(0, entry.next_start - list[i + 1] * interval) --@ start-taken-back
            entry.has_started, entry.touched = true, true
        end
    end
end

-- Less or more of a key is back in line.
function limits.stand(entry, weight)
    entry.standing = max(0, entry.standing + weight) --@ standing-counted
    entry.has_stood = true
end

-- A hash of numbers: those that are 0 are not stored.
local function put(key, words, gone)
    if words[1] then in_chunks('HSET', key, words) end
    if gone[1] then in_chunks('HDEL', key, gone) end
end

local function write_hash(q, name, mark, field)
    local words, gone = {}, {}
    for i = 1, #q.known do
        local entry = q.known[i]
        if entry[mark] then
            entry[mark] = nil
            if entry[field] > 0 then
                words[#words + 1], words[#words + 2] = entry.key, format('%.0f', entry[field])
            else
                gone[#gone + 1] = entry.key
            end
        end
    end
    put(q.keys[name], words, gone)
end

-- What runs by keys of which nothing else was read.
local function read_usage(q)
    local new, keys = {}, {}
    for i = 1, #q.known do
        local entry = q.known[i]
        if entry.has_used and not entry.used then new[#new + 1], keys[#keys + 1] = entry, entry.key end
    end
    for first = 1, #keys, CHUNK do
        local found = call('HMGET', q.keys.usage, unpack(keys, first, min(first + CHUNK - 1, #keys)))
        for i = 1, #found do
            local entry = new[first + i - 1]
            entry.total = max(0, (tonumber(found[i] or '') or 0) + entry.by)
        end
    end
    return new
end

-- Writes what changed of the keys. A claim calls it before its jobs become active, and an end after they have left: cut
-- short in between, more counts than runs, and never less.
function limits.write(q)
    local partial = read_usage(q)
    local words, gone = {}, {}
    for i = 1, #partial do
        local entry = partial[i]
        entry.has_used, entry.by = nil, 0
        if entry.total > 0 then
            words[#words + 1], words[#words + 2] = entry.key, format('%.0f', entry.total)
        else
            gone[#gone + 1] = entry.key
        end
    end
    put(q.keys.usage, words, gone)
    write_hash(q, 'usage', 'has_used', 'used')
    write_hash(q, 'standing', 'has_stood', 'standing')
    local starts = {}
    for i = 1, #q.known do
        local entry = q.known[i]
        if entry.has_started then
            entry.has_started = nil
            starts[#starts + 1], starts[#starts + 2] = format('%.17g', entry.next_start), entry.key
        end
    end
    if starts[1] then in_chunks('ZADD', q.keys.rates, starts) end --@ rate-kept
end
