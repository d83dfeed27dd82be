#!lua flags=no-writes
-- Reads: whole jobs, a page of an index, the counts of a queue. Atomic, so that what it answers was true at one moment.
--
-- ARGV: `jobs`, ids… → `ok`, now ms, then for each nil or {state, score, hash as flat list, id, and for a queued job since
--       when it may run}
--     | `page`, index name, score, id, limit, direction → as `jobs`; strictly after (score, id)
--     | `counts` → `ok`, now ms, flat list of names and numbers, then all of `meta`
--     | `workers`, cursor → `ok`, now ms, next cursor, flat list of worker and `<ms> <JSON>`; about 200 of them
--@ names prelude values order due locate
if REFUSED then return REFUSED end

local verb = ARGV[1]
local INDEXES = {
    queued = QUEUED, delayed = DELAYED, active = ACTIVE, paused = PAUSED,
    completed = COMPLETED, failed = FAILED, cancelled = CANCELLED,
}

local function whole_job(id)
    local hash = look('HGETALL', JOB .. id)
    if #hash == 0 then return false end
    local token, priority = nil, 0
    for i = 1, #hash, 2 do
        if hash[i] == 'k' then token = hash[i + 1] end
        if hash[i] == 'r' then priority = priority_of(hash[i + 1]) end
    end
    local state, _, at = locate(id, token)
    if not state then return false end
    -- As text: a score may be negative and may have a fraction.
    local since = state == 'queued' and format('%.0f', floor(at + priority * step))
    return { state, digits(at), hash, id, since }
end

-- The rank from which a page goes on. Its last job may have left the index meanwhile: then its place is searched for,
-- in the ranks of equal score, by id; at most some 30 looks.
local function rank_after(index, at, id, backwards)
    local rank = call('ZRANK', index, id)
    if rank and tonumber(call('ZSCORE', index, id)) == tonumber(at) then return backwards and rank - 1 or rank + 1 end
    local low = call('ZCOUNT', index, '-inf', '(' .. at)
    local high = call('ZCOUNT', index, '-inf', at)
    while low < high do
        local middle = floor((low + high) / 2)
        if is_behind(call('ZRANGE', index, middle, middle)[1], id) then high = middle else low = middle + 1 end
    end
    return backwards and low - 1 or low
end

local function page(index, at, id, most, backwards)
    if backwards then
        local from = at == '' and call('ZCARD', index) - 1 or rank_after(index, at, id, true)
        if from < 0 then return {} end
        local ids = call('ZRANGE', index, max(0, from - most + 1), from)
        local turned = {}
        for i = #ids, 1, -1 do turned[#turned + 1] = ids[i] end
        return turned
    end
    local from = at == '' and 0 or rank_after(index, at, id, false)
    return call('ZRANGE', index, from, from + most - 1)
end

-- How long the oldest runnable job of each of the first few priorities has waited; the longest of them.
local function oldest_wait()
    local oldest, from = 0, '-inf'
    for _ = 1, 16 do
        local head = call('ZRANGE', QUEUED, from, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
        if not head[1] then return oldest end
        local priority = priority_of(look('HMGET', JOB .. head[1], 'r')[1])
        oldest = max(oldest, now - (tonumber(head[2]) + priority * step))
        if step ~= DEFAULT_STEP then return oldest end
        from = string.format('%.0f', (1 - priority) * step)
    end
    return oldest
end

if verb == 'jobs' then
    local results = { 'ok', now }
    for i = 2, #ARGV do results[#results + 1] = whole_job(ARGV[i]) end
    return results
end

if verb == 'page' then
    local index, most = INDEXES[ARGV[2]], whole(ARGV[5], 1, 200)
    if not index or not most then return redis.error_reply('BADARG page') end
    local results = { 'ok', now }
    local ids = page(index, ARGV[3], ARGV[4], most, ARGV[6] == 'desc')
    for i = 1, #ids do
        local job = whole_job(ids[i])
        if job then results[#results + 1] = job end
    end
    return results
end

if verb == 'counts' then
    return { 'ok', now, {
        'queued', call('ZCARD', QUEUED), 'delayed', call('ZCARD', DELAYED), 'active', call('ZCARD', ACTIVE),
        'paused', call('ZCARD', PAUSED), 'completed', call('ZCARD', COMPLETED), 'failed', call('ZCARD', FAILED),
        'cancelled', call('ZCARD', CANCELLED), 'oldest_wait', floor(oldest_wait()),
        'next_due', next_due(),
    }, call('HGETALL', META) }
end

if verb == 'workers' then
    local page = call('HSCAN', WORKERS, ARGV[2], 'COUNT', 200)
    return { 'ok', now, page[1], page[2] }
end

return redis.error_reply('BADVERB')
