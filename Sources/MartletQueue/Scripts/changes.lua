-- The one way to change a job: what a call changes is gathered first and then written in a safe order.
--
-- needs: runtime
-- All changes of one call, gathered until commit() writes them.
local function changes_of(q)
    local changes = q.changes
    if not changes then
        changes = { added = {}, removed = {}, writes = {}, dropped = {}, counts = {}, clock = nil }
        q.changes = changes
    end
    return changes
end

local function append(map, index, value)
    local list = map[index]
    if not list then list = {} map[index] = list end
    list[#list + 1] = value
end

-- Into an index at a place.
local function enter(q, id, index, place)
    local added = changes_of(q).added
    append(added, index, place)
    append(added, index, id)
end

-- An entry that is not its job's state is taken out.
local function drop(q, id, index) append(changes_of(q).removed, index, id) end

local function write(q, ...)
    local writes = changes_of(q).writes
    writes[#writes + 1] = { ... }
end

local function count(q, name, by)
    local counts = changes_of(q).counts
    counts[name] = (counts[name] or 0) + by
end

-- An entry that is not its job's state is mended; one without a job counts as deleted, so the ledger closes.
local function repair(q, id, index, lost_job)
    drop(q, id, index)
    count(q, 'repaired', 1)
    if lost_job then count(q, 'deleted', 1) end
end

-- Writes what was gathered. Deaths are counted last, indexes stand before hashes and destinations before
-- sources: a run that Redis cuts short leaves a ledger difference or an entry too many, never a job in no index.
local function commit(q)
    local changes, keys = q.changes, q.keys
    if not changes then return end
    q.changes = nil
    local writes, dropped = changes.writes, changes.dropped
    if changes.clock then call('HSET', keys.meta, 'clock', changes.clock) end --@ clock-kept
    for index, list in next, changes.added do in_chunks('ZADD', keys[index], list) end
    for i = 1, #writes do call(unpack(writes[i])) end
    for i = 1, #dropped, CHUNK do call('UNLINK', unpack(dropped, i, min(i + CHUNK - 1, #dropped))) end --@ unlinked
    for index, list in next, changes.removed do in_chunks('ZREM', keys[index], list) end --@ removed
    for name, by in next, changes.counts do call('HINCRBY', keys.meta, name, by) end --@ counted
end
