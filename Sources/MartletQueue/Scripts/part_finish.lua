-- The end of jobs: into a final index, or out of the store.
-- How long finished jobs stay, and how many of them.
local kept = { completed = { completed_age, completed_count } }
local function retention(name)
    if not kept[name] then
        local set = call('HMGET', META, name .. '_age', name .. '_count')
        kept[name] = { tonumber(set[1]) or DEFAULT_AGE, tonumber(set[2]) or DEFAULT_COUNT }
    end
    return kept[name][1], kept[name][2]
end

local TOMB_MS, FRESH_MS = 86400000, 60000

-- Takes a job out of the store. Ids that callers chose leave a tombstone, so that a late repeat finds its answer.
local function forget(id, index, digest)
    if digest then
        write('ZADD', TOMB, now + TOMB_MS, id)
        write('HSET', TOMBS, id, digest)
    end
    dropped[#dropped + 1] = JOB .. id
    push(removed, index, id)
    count('deleted', 1)
end

local function free_unique(id, key)
    if key and call('HGET', UNIQUE, key) == id then write('HDEL', UNIQUE, key) end
end

-- Moves a job to a final index, or out of the store where such jobs are not kept. The caller writes the hash if it stays.
local function finish(id, from, to, name, unique_key, digest)
    free_unique(id, unique_key)
    count(name, 1)
    local age, most = retention(name)
    if age == 0 or most == 0 then
        forget(id, from, digest)
        return false
    end
    move(id, from, to, now)
    return true
end

-- Forgets a job that has ended; a key of another type is no job and keeps what it holds.
local function forget_ended(id, index)
    local f = look('HMGET', JOB .. id, 'd')
    if f.err then return repair(id, index, true) end
    forget(id, index, f[1])
end

-- Forgets up to `most` of an index' oldest jobs: those past their age, and those past the count but not of the last minute.
local function trim(index, name, most)
    local age, keep = retention(name)
    local ids = call('ZRANGE', index, '-inf', now - age, 'BYSCORE', 'LIMIT', 0, most)
    local excess = min(most, call('ZCARD', index) - keep)
    if excess > #ids then ids = call('ZRANGE', index, '-inf', now - FRESH_MS, 'BYSCORE', 'LIMIT', 0, excess) end
    for i = 1, #ids do forget_ended(ids[i], index) end
    return #ids
end

