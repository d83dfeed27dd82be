-- The end of jobs: into a final index, or out of the store.
--
-- needs: runtime values hooks events changes moves
local TOMBSTONE_MS, FRESH_MS = 86400000, 60000

-- How long finished jobs stay, and how many of them.
local function retention(q, index)
    if index == 'completed' then return q.completed_age, q.completed_count end
    local kept = q.kept or {}
    q.kept = kept
    if not kept[index] then
        local set = call('HMGET', q.keys.meta, index .. '_age', index .. '_count')
        kept[index] = { tonumber(set[1]) or SETTINGS[index .. '_age'][3], tonumber(set[2]) or SETTINGS[index .. '_count'][3] }
    end
    return kept[index][1], kept[index][2]
end

-- Takes a job out of the store. Ids that callers chose leave a tombstone, so that a late repeat finds its answer.
local function forget(q, job, index)
    if job.d then
        write(q, 'ZADD', q.keys.tombstones, q.now + TOMBSTONE_MS, job.id) --@ tombstone
        write(q, 'HSET', q.keys.tombstone_digests, job.id, job.d) --@ tombstone-digest
    end
    local dropped = changes_of(q).dropped
    dropped[#dropped + 1] = q.keys.job .. job.id
    leave(q, job, index)
    count(q, 'deleted', 1) --@ deleted
    if q.log then events.note(q, 'deleted', job.id) end --@ deleted-told
end

local function free_unique(q, job)
    local unique = q.keys.unique
    if job.u and call('HGET', unique, job.u) == job.id then write(q, 'HDEL', unique, job.u) end --@ unique-freed
end

-- A job has come to its end.
local function end_job(q, job, to)
    count(q, to, 1) --@ end-counted
    on_final(q, job, to)
end

-- Moves a job to a final index, or out of the store where such jobs are not kept. The caller writes the hash if it stays.
-- `job.why` and `job.failures` are what listeners hear besides.
local function finish(q, job, from, to)
    free_unique(q, job)
    end_job(q, job, to)
    if q.log then events.tell(q, to, job.id, to, nil, job.failures, job.why) end --@ finish-told
    local age, most = retention(q, to)
    if age == 0 or most == 0 then --@ not-kept
        forget(q, job, from)
        return false
    end
    move(q, job, from, to, q.now)
    return true
end

local DIGEST = { 'd' }
-- Forgets a job that has ended; a key of another type is no job and keeps what it holds.
local function forget_ended(q, id, index)
    local job = read_job(q, id, DIGEST) --@ retention-look
    if job.err then return repair(q, id, index, true) end --@ retention-foreign
    forget(q, job, index)
end

-- Forgets up to `most` of an index' oldest jobs: those past their age, and those past the count but not of the last minute.
local function trim(q, index, most)
    local age, keep = retention(q, index)
    local key = q.keys[index]
    local ids = call('ZRANGE', key, '-inf', q.now - age, 'BYSCORE', 'LIMIT', 0, most) --@ past-age
    local excess = min(most, call('ZCARD', key) - keep)
    if excess > #ids then
        ids = call('ZRANGE', key, '-inf', q.now - FRESH_MS, 'BYSCORE', 'LIMIT', 0, excess) --@ fresh
    end
    for i = 1, #ids do forget_ended(q, ids[i], index) end
    return #ids
end
