-- Reads: whole jobs, a page of an index, the counts of a queue. Atomic, so that what it answers was true at one moment.
--
-- needs: runtime values order wake locate limits holds limitstatus
-- args: `jobs`, ids… → `ok`, now ms, then for each nil or {state, score, hash as flat list, id, and for one in line since
--       when it may run}
--     | `page`, index name, score, id, limit, direction → as `jobs`; strictly after (score, id)
--     | `scan`, index name, score, id, limit, direction, names of fields → `ok`, now ms, 1 where the index ends, then for each
--       of its ids strictly after (score, id): id, score and each of these fields, nil where the job has none. At most 500 of
--       them, and no more once they have a megabyte
--     | `errors`, ms, name, limit → `ok`, now ms, then for each group of errors strictly after (ms, name), the latest first:
--       name, when it was last seen, and what is known of it; see `groups`. Only those of the last week, at most 200
--     | `finished`, ms → `ok`, now ms, how many jobs that are kept completed or failed within that time
--     | `swept` → `ok`, now ms, when the last sweep was (ms), or nil
--     | `counts` → `ok`, now ms, flat list of names and numbers, then all of `meta`
--     | `workers`, cursor → `ok`, now ms, next cursor, flat list of worker and `<ms> <JSON>`; about 200 of them
--     | `limit_names` → `ok`, now ms, list of the names of all limits and held keys, at most 10 000 of each
--     | `limits`, names… → `ok`, now ms, then for each that is a limit a flat list; see `limitstatus`. At most 200 of them
--     | `limit`, name → `ok`, now ms, flat list or nil, flat list of the jobs that hold it and their weights, and of a class
--       the keys that are in use, with usage and waiters
--     | `held`, cursor → `ok`, now ms, next cursor, flat list of id and token of active jobs; about 500 of them
local function whole_job(q, id)
    local hash = look('HGETALL', q.keys.job .. id) --@ read-look
    if #hash == 0 then return false end
    local job = by_name(id, hash)
    local state, _, at = locate(q, id, job.k)
    if not state then return false end
    -- As text: a score may be negative and may have a fraction.
    local since = is_line(state) and format('%.0f', floor(at + priority_of(job.r) * q.step))
    return { state, digits(at), hash, id, since }
end

-- The rank from which a page goes on. Its last job may have left the index meanwhile: then its place is searched for,
-- in the ranks of equal score, by id; at most some 30 looks.
local function rank_after(key, at, id, backwards)
    local rank = call('ZRANK', key, id)
    if rank and tonumber(call('ZSCORE', key, id)) == tonumber(at) then return backwards and rank - 1 or rank + 1 end
    local low = call('ZCOUNT', key, '-inf', '(' .. at)
    local high = call('ZCOUNT', key, '-inf', at)
    while low < high do
        local middle = floor((low + high) / 2)
        if is_behind(call('ZRANGE', key, middle, middle)[1], id) then high = middle else low = middle + 1 end
    end
    return backwards and low - 1 or low
end

-- The first and the last rank of a page; the last is negative where nothing follows.
local function ranks_after(key, at, id, most, backwards)
    if not backwards then
        local from = at == '' and 0 or rank_after(key, at, id, false)
        return from, from + most - 1
    end
    local from = at == '' and call('ZCARD', key) - 1 or rank_after(key, at, id, true)
    return max(0, from - most + 1), from
end

local function page_of(key, at, id, most, backwards)
    local first, last = ranks_after(key, at, id, most, backwards)
    if last < 0 then return {} end
    local ids = call('ZRANGE', key, first, last)
    if not backwards then return ids end
    local turned = {}
    for i = #ids, 1, -1 do turned[#turned + 1] = ids[i] end
    return turned
end

-- How long the oldest runnable job of each of the first few priorities has waited; the longest of them.
local function oldest_wait(q)
    local oldest, from = 0, '-inf'
    for _ = 1, 16 do
        local head = call('ZRANGE', q.keys.queued, from, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
        if not head[1] then return oldest end
        local priority = priority_of(look('HMGET', q.keys.job .. head[1], 'r')[1])
        oldest = max(oldest, q.now - (tonumber(head[2]) + priority * q.step))
        if q.step ~= PLAN.step then return oldest end
        from = format('%.0f', (1 - priority) * q.step)
    end
    return oldest
end

local questions = {}

function questions.jobs(q, args)
    local results = { 'ok', q.now }
    for i = 2, #args do results[#results + 1] = whole_job(q, args[i]) end
    return results
end

function questions.page(q, args)
    local most = whole(args[5], 1, 200)
    if not IS_INDEX[args[2]] or not most then return error_reply('BADARG page') end
    local results = { 'ok', q.now }
    local ids = page_of(q.keys[args[2]], args[3], args[4], most, args[6] == 'desc')
    for i = 1, #ids do
        local job = whole_job(q, ids[i])
        if job then results[#results + 1] = job end
    end
    return results
end

local MOST_SCANNED_BYTES = 1048576

function questions.scan(q, args)
    local most, key, backwards = whole(args[5], 1, 500), q.keys[args[2]], args[6] == 'desc'
    if not IS_INDEX[args[2]] or not most or not args[7] then return error_reply('BADARG scan') end
    local first, last = ranks_after(key, args[3], args[4], most, backwards)
    local entries = last < 0 and {} or call('ZRANGE', key, first, last, 'WITHSCORES')
    local found = #entries / 2
    local results, bytes = { 'ok', q.now, found < most and 1 or 0 }, 0
    for i = 1, found do
        local at = 2 * (backwards and found - i or i - 1) + 1
        local job = look('HMGET', q.keys.job .. entries[at], unpack(args, 7)) --@ scan-look
        results[#results + 1] = entries[at]
        results[#results + 1] = entries[at + 1]
        for field = 1, #args - 6 do
            results[#results + 1] = job[field] or false
            bytes = bytes + #(job[field] or '')
        end
        if bytes > MOST_SCANNED_BYTES and i < found then --@ scan-bytes
            results[3] = 0
            break
        end
    end
    return results
end

function questions.errors(q, args)
    local most, key = whole(args[4], 1, MOST_GROUPS), q.keys.errors
    if not most then return error_reply('BADARG errors') end
    local first, last = ranks_after(key, args[2], args[3], most, true)
    local entries = last < 0 and {} or call('ZRANGE', key, first, last, 'WITHSCORES')
    local results, names = { 'ok', q.now }, {}
    for i = #entries - 1, 1, -2 do
        if tonumber(entries[i + 1]) <= q.now - ERRORS_MS then break end --@ errors-old
        names[#names + 1] = entries[i]
        results[3 * #names], results[3 * #names + 1] = entries[i], entries[i + 1]
        results[3 * #names + 2] = ''
    end
    local known = names[1] and call('HMGET', q.keys.error_groups, unpack(names)) or {}
    for i = 1, #names do results[3 * i + 2] = known[i] or '' end
    return results
end

function questions.finished(q, args)
    local span = whole(args[2], 0, MAX_WAIT)
    if not span then return error_reply('BADARG finished') end
    local since = q.now - span
    local completed = call('ZCOUNT', q.keys.completed, '(' .. since, '+inf')
    return { 'ok', q.now, completed + call('ZCOUNT', q.keys.failed, '(' .. since, '+inf') } --@ finished-since
end

function questions.counts(q, _)
    local counts = {}
    for i = 1, #INDEXES do
        counts[#counts + 1] = INDEXES[i]
        counts[#counts + 1] = call('ZCARD', q.keys[INDEXES[i]])
    end
    counts[#counts + 1] = 'oldest_wait'
    counts[#counts + 1] = floor(oldest_wait(q))
    counts[#counts + 1] = 'next_due'
    counts[#counts + 1] = next_due(q)
    return { 'ok', q.now, counts, call('HGETALL', q.keys.meta) }
end

function questions.swept(q, _) return { 'ok', q.now, call('HGET', q.keys.meta, 'swept') } end

function questions.workers(q, args)
    local page = call('HSCAN', q.keys.workers, args[2], 'COUNT', 200)
    return { 'ok', q.now, page[1], page[2] }
end

function questions.held(q, args)
    local page, held = call('ZSCAN', q.keys.active, args[2], 'COUNT', 500), {}
    for i = 1, #page[2], 2 do
        local token = look('HGET', q.keys.job .. page[2][i], 'k')
        if type(token) == 'string' then
            held[#held + 1] = page[2][i]
            held[#held + 1] = token
        end
    end
    return { 'ok', q.now, page[1], held }
end

function questions.limit_names(q, _)
    local names, is_known = call('HKEYS', q.keys.limits), {}
    local held = limits.has_holds(q) and call('HKEYS', q.keys.throttled) or {} --@ names-held
    for i = 1, #names do is_known[names[i]] = true end
    for i = 1, #held do
        if not is_known[held[i]] then names[#names + 1] = held[i] end
    end
    return { 'ok', q.now, names }
end

function questions.limits(q, args)
    if #args > 201 then return error_reply('BADARG limits') end
    return { 'ok', q.now, unpack(limit_status.list(q, { unpack(args, 2) })) }
end

function questions.limit(q, args)
    if not args[2] then return error_reply('BADARG limit') end
    return { 'ok', q.now, unpack(limit_status.one(q, args[2])) }
end

functions.read = of_queue(by_verb(questions))
