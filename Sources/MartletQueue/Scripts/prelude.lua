-- What the scripts of a queue share: keys, clock, place in line, wake tokens, and the one way to change a job.
--
-- Put before each script. The queue's keys come in one fixed order; a job's own key is the declared prefix plus its id,
-- in the same slot by construction and read before anything is written.
local JOB, QUEUED, DELAYED, ACTIVE, PAUSED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local COMPLETED, FAILED, CANCELLED = KEYS[6], KEYS[7], KEYS[8]
local META, WAKE, CLAIMS, UNIQUE, TOMB, TOMBS, WORKERS = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]

local call, floor, min, max = redis.call, math.floor, math.min, math.max
local byte, find, match, sub = string.byte, string.find, string.match, string.sub

local WAKE_LIMIT = 64
local CHUNK = 1000
local TOMB_MS = 86400000
local FRESH_MS = 60000
local MAX_LOST = 3
local DEFAULT_RETRIES = 3
local DEFAULT_STEP = 4398046511104
local DEFAULT_LEASE = 30000

local meta = call('HMGET', META, 'schema', 'offset', 'clock', 'step', 'limit', 'lease', 'paused', 'paused_all', 'stops')
-- What a script answers instead of working: the queue is unknown here, or newer than this script.
local REFUSED = (not meta[1] and { 'noqueue' }) or (meta[1] ~= '1' and { 'schema', meta[1] }) or nil

-- Read once; the only clock there is. Tests move it by `offset`.
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000) + (tonumber(meta[2]) or 0)
local step = tonumber(meta[4]) or DEFAULT_STEP
local limit = tonumber(meta[5]) or 0
local lease = tonumber(meta[6]) or DEFAULT_LEASE
local halted = meta[7] == '1' or meta[8] == '1'
local stops = tonumber(meta[9]) or 0

-- A whole number within bounds, or nil. The pattern keeps out NaN, hexadecimal, exponents and blanks.
local function whole(text, low, high)
    if not text or not find(text, '^%-?%d+$') then return nil end
    local number = tonumber(text)
    if number < low or number > high then return nil end
    return number
end

-- When a job becomes runnable now: never earlier than any job before it, even if the clock goes back.
local function runnable() return max(now, tonumber(meta[3]) or 0) end

local function score(t, priority) return t - (tonumber(priority) or 0) * step end

-- A token is live while its job is active; a spent one begins with a minus.
local function live(token) return token and byte(token) ~= 45 end
local function claims_of(token) return token and tonumber(match(token, '^%-?(%d+)')) or 0 end
local function wants(want, what) return want and sub(want, 1, #what) == what end

-- All changes of one run, gathered first and then written by commit().
local added, removed, writes, dropped, counts, born, stamped = {}, {}, {}, {}, {}, 0, nil

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

-- Into line as of now, behind all who came before.
local function line_up(id, from, priority)
    stamped = runnable()
    move(id, from, QUEUED, score(stamped, priority))
end

local function write(...) writes[#writes + 1] = { ... } end
local function count(name, by) counts[name] = (counts[name] or 0) + by end

-- An index entry that is not its job's state is taken out; one without a job counts as deleted, so the ledger closes.
local function repair(id, index, lost_job)
    push(removed, index, id)
    count('repaired', 1)
    if lost_job then count('deleted', 1) end
end

local function in_chunks(command, key, list)
    for i = 1, #list, CHUNK do call(command, key, unpack(list, i, min(i + CHUNK - 1, #list))) end
end

-- Writes what was gathered. Births are counted first and deaths last, indexes stand before hashes and destinations before
-- sources: a run that Redis cuts short leaves a ledger difference or an entry too many, never a job in no index.
local function commit()
    if born > 0 then call('HINCRBY', META, 'created', born) end
    if stamped then call('HSET', META, 'clock', stamped) end
    for index, list in pairs(added) do in_chunks('ZADD', index, list) end
    for i = 1, #writes do call(unpack(writes[i])) end
    for i = 1, #dropped, CHUNK do call('UNLINK', unpack(dropped, i, min(i + CHUNK - 1, #dropped))) end
    for index, list in pairs(removed) do in_chunks('ZREM', index, list) end
    for name, by in pairs(counts) do call('HINCRBY', META, name, by) end
    added, removed, writes, dropped, counts, born, stamped = {}, {}, {}, {}, {}, 0, nil
end

-- Tokens for idle workers, one for each job that became runnable. A hint: polling alone is correct.
local function wake(n)
    if n <= 0 or halted then return end
    n = min(n, WAKE_LIMIT - call('LLEN', WAKE))
    if n <= 0 then return end
    local tokens = {}
    for i = 1, n do tokens[i] = '1' end
    call('LPUSH', WAKE, unpack(tokens))
end

-- Wakes one worker when the job just placed is the next to fall due, so that it waits for the right moment.
local function wake_for_due(earliest)
    if not earliest then return end
    local head = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
    if head[2] and tonumber(head[2]) >= earliest then wake(1) end
end

local function lower(a, b) return (a and a < b) and a or b end

-- Which index holds a job, its name as a state and its score there; the first in this order counts.
local function locate(id, token)
    local at = call('ZSCORE', ACTIVE, id)
    if at then return 'active', ACTIVE, tonumber(at) end
    at = call('ZSCORE', PAUSED, id)
    if at then return 'paused', PAUSED, tonumber(at) end
    at = call('ZSCORE', DELAYED, id)
    if at then return claims_of(token) > 0 and 'retrying' or 'scheduled', DELAYED, tonumber(at) end
    at = call('ZSCORE', QUEUED, id)
    if at then return 'queued', QUEUED, tonumber(at) end
    at = call('ZSCORE', COMPLETED, id)
    if at then return 'completed', COMPLETED, tonumber(at) end
    at = call('ZSCORE', FAILED, id)
    if at then return 'failed', FAILED, tonumber(at) end
    at = call('ZSCORE', CANCELLED, id)
    if at then return 'cancelled', CANCELLED, tonumber(at) end
    return nil
end

-- How long finished jobs stay, read only by scripts that finish or trim.
local kept
local function retention(name)
    if not kept then
        local set = call('HMGET', META, 'completed_age', 'completed_count', 'failed_age', 'failed_count',
            'cancelled_age', 'cancelled_count')
        kept = {
            completed = { tonumber(set[1]) or 86400000, tonumber(set[2]) or 100000 },
            failed = { tonumber(set[3]) or 86400000, tonumber(set[4]) or 100000 },
            cancelled = { tonumber(set[5]) or 86400000, tonumber(set[6]) or 100000 },
        }
    end
    return kept[name][1], kept[name][2]
end

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

-- Forgets up to `most` of an index' oldest jobs: those past their age, and those past the count but not of the last minute.
local function trim(index, name, most)
    local age, keep = retention(name)
    local ids = call('ZRANGE', index, '-inf', now - age, 'BYSCORE', 'LIMIT', 0, most)
    local excess = min(most, call('ZCARD', index) - keep)
    if excess > #ids then ids = call('ZRANGE', index, '-inf', now - FRESH_MS, 'BYSCORE', 'LIMIT', 0, excess) end
    for i = 1, #ids do
        local digest = call('HGET', JOB .. ids[i], 'd')
        forget(ids[i], index, digest)
    end
    return #ids
end

-- Brings due jobs into line, at most `most`; says how many. A job's due time becomes its place.
local function promote(most)
    local due = call('ZRANGE', DELAYED, '-inf', now, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
    local line, gone, torn, stray = {}, {}, 0, 0
    for i = 1, #due, 2 do
        local id = due[i]
        local job = call('HMGET', JOB .. id, 't', 'r', 'k')
        gone[#gone + 1] = id
        if not job[1] then
            torn = torn + 1
        elseif not live(job[3]) and not call('ZSCORE', PAUSED, id) then
            line[#line + 1] = score(tonumber(due[i + 1]), job[2])
            line[#line + 1] = id
        else
            stray = stray + 1
        end
    end
    if #gone == 0 then return 0 end
    in_chunks('ZADD', QUEUED, line)
    in_chunks('ZREM', DELAYED, gone)
    if torn > 0 then call('HINCRBY', META, 'deleted', torn) end
    if torn + stray > 0 then call('HINCRBY', META, 'repaired', torn + stray) end
    return #line / 2
end
