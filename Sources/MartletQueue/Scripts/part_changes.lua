-- The one way to change a job: what a run changes is gathered first and then written in a safe order.
-- All changes of one run, gathered first and then written by commit().
local added, removed, writes, dropped, counts, stamped = {}, {}, {}, {}, {}, nil

local function push(map, index, value)
    local list = map[index]
    if not list then list = {} map[index] = list end
    list[#list + 1] = value
end

-- The change of a job's state: into index `to` at `place`, out of index `from`; either may be nil.
local function move(id, from, to, place)
    if to then push(added, to, place) push(added, to, id) end
    if from and from ~= to then push(removed, from, id) end
end

-- A place behind all who came before, for a job that becomes runnable now.
local function place_now(priority)
    local place = next_place(priority)
    stamped = latest
    return place
end

-- Into line as of now.
local function line_up(id, from, priority) move(id, from, QUEUED, score(place_now(priority), priority)) end

local function write(...) writes[#writes + 1] = { ... } end
local function count(name, by) counts[name] = (counts[name] or 0) + by end

-- An index entry that is not its job's state is taken out; one without a job counts as deleted, so the ledger closes.
local function repair(id, index, lost_job)
    push(removed, index, id)
    count('repaired', 1)
    if lost_job then count('deleted', 1) end
end

-- Writes what was gathered. Deaths are counted last, indexes stand before hashes and destinations before
-- sources: a run that Redis cuts short leaves a ledger difference or an entry too many, never a job in no index.
local function commit()
    if stamped then call('HSET', META, 'clock', stamped) end
    for index, list in pairs(added) do in_chunks('ZADD', index, list) end
    for i = 1, #writes do call(unpack(writes[i])) end
    for i = 1, #dropped, CHUNK do call('UNLINK', unpack(dropped, i, min(i + CHUNK - 1, #dropped))) end
    for index, list in pairs(removed) do in_chunks('ZREM', index, list) end
    for name, by in pairs(counts) do call('HINCRBY', META, name, by) end
    added, removed, writes, dropped, counts, stamped = {}, {}, {}, {}, {}, nil
end

