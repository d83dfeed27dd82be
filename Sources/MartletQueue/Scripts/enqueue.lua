#!lua
-- Pushes jobs. All or nothing with mode `atomic`, each judged by itself with `each`.
--
-- ARGV: mode, then for each job: id, priority, delay ms, digest, unique key, n, n field and value words.
-- Digest and unique key are empty where there is none; the words are the hash as it shall stand.
-- Answer: `ok`, then for each job 1 (queued), 2 (scheduled) or {verdict, detail};
-- in atomic mode `refused`, index from 1, verdict, detail when one of them cannot be.
-- Cost for a batch: 3 commands; for each job EXISTS and HSET; O(log n) each for the index.
if REFUSED then return REFUSED end

local MAX_DELAY = 31536000000
local atomic = ARGV[1] == 'atomic'
local results, seen, taken, earliest, ready = { 'ok' }, {}, {}, nil, 0

local function existing(id, digest)
    if digest ~= '' then
        local stored = call('HMGET', JOB .. id, 'd', 't', 'k')
        if not stored[2] then
            local buried = call('HGET', TOMBS, id)
            if not buried then return nil end
            return buried == digest and { 'deleted' } or { 'conflict' }
        end
        if stored[1] ~= digest then return { 'conflict' } end
        return { 'exists', locate(id, stored[3]) or 'queued' }
    end
    if call('EXISTS', JOB .. id) == 0 then return nil end
    local stored = call('HMGET', JOB .. id, 'd', 'k')
    -- An id of our own making meets only itself; a caller's id with a digest was something else.
    if stored[1] then return { 'conflict' } end
    return { 'exists', locate(id, stored[2]) or 'queued' }
end

local function refusal(id, priority, delay, digest, unique_key)
    if not priority then return { 'invalid', 'priority' } end
    if not delay then return { 'invalid', 'delay' } end
    if #id > 128 or not find(id, '^[%w._:-]+$') then return { 'invalid', 'id' } end
    local earlier = seen[id]
    if earlier then return earlier == digest and { 'exists', 'queued' } or { 'conflict' } end
    local found = existing(id, digest)
    if found then return found end
    if unique_key == '' then return nil end
    local holder = taken[unique_key] or call('HGET', UNIQUE, unique_key)
    if holder then return { 'unique', holder } end
    return nil
end

local i = 2
while i <= #ARGV do
    local id, digest, unique_key = ARGV[i], ARGV[i + 3], ARGV[i + 4]
    local priority, delay = whole(ARGV[i + 1], -1000, 1000), whole(ARGV[i + 2], 0, MAX_DELAY)
    local first, last = i + 6, i + 5 + tonumber(ARGV[i + 5])
    local no = refusal(id, priority, delay, digest, unique_key)
    if no then
        if atomic and no[1] ~= 'exists' and no[1] ~= 'deleted' then
            return { 'refused', #results, no[1], no[2] or '' }
        end
        results[#results + 1] = no
    else
        seen[id] = digest
        born = born + 1
        if unique_key ~= '' then
            taken[unique_key] = id
            write('HSET', UNIQUE, unique_key, id)
        end
        write('HSET', JOB .. id, unpack(ARGV, first, last))
        -- Whose id does not tell when it was made keeps the moment.
        if digest ~= '' then write('HSET', JOB .. id, 'n', now) end
        if delay > 0 then
            move(id, nil, DELAYED, now + delay)
            earliest = lower(earliest, now + delay)
            results[#results + 1] = 2
        else
            line_up(id, nil, priority)
            ready = ready + 1
            results[#results + 1] = 1
        end
    end
    i = last + 1
end

if born > 0 then
    commit()
    wake(ready)
    wake_for_due(earliest)
end
return results
