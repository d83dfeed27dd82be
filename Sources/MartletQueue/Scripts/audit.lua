#!lua flags=no-writes
-- Checks that every fact stands once and all agree; reads only, a page at a time.
--
-- ARGV: `ledger` → `ok`, created, deleted, sum of the indexes, repaired, tombs, tombstone hashes
--     | `index`, name, cursor, how many → `ok`, next cursor, entries seen, then for each finding {id, what}
--     | `jobs`, ids… → `ok`, then for each finding {id, what}: hashes that no index holds
--     | `unique`, cursor → `ok`, next cursor, entries seen, findings
--@ names prelude values locate homes
if REFUSED then return REFUSED end

local INDEXES = {
    queued = QUEUED, delayed = DELAYED, active = ACTIVE, paused = PAUSED,
    completed = COMPLETED, failed = FAILED, cancelled = CANCELLED,
}
local verb, findings = ARGV[1], { 'ok' }
local function found(id, what) findings[#findings + 1] = { id, what } end

local function check_place(id, index, place, job)
    local priority = priority_of(job.r)
    local t = index == QUEUED and place + priority * step or place
    if not is_time(t) then
        found(id, index == QUEUED and 'score does not fit its priority' or 'score is no time')
    end
    if (index == ACTIVE or index == PAUSED) and not whole_place(job.at) then found(id, 'no place in line') end
end

local function check(id, index, place)
    local f = look('HMGET', JOB .. id, 't', 'p', 'k', 'r', 'at', 'w', 'u', 'e', 'd')
    if not f[1] and not f[2] then return found(id, 'index entry without a job') end
    local job = { t = f[1], k = f[3], r = f[4], at = f[5], w = f[6], u = f[7] }
    if (not f[1] or not f[2]) and f[8] ~= 'corrupt' then found(id, 'fields are missing') end
    if #homes(id) ~= 1 then found(id, 'stands in more than one index') end
    if (index == ACTIVE) ~= (live(job.k) or false) then found(id, 'token does not fit the state') end
    if job.w and index ~= ACTIVE then found(id, 'a stop is wanted of a job that does not run') end
    if index == ACTIVE and live(job.k) and (job.w or job.u or f[9]) and byte(job.k, -1) ~= 42 then
        found(id, 'its token hides that its end has more to look at')
    end
    if job.r and not whole(job.r, -1000, 1000) and f[8] ~= 'corrupt' then found(id, 'priority is no number') end
    if job.u and not is_final(index) and call('HGET', UNIQUE, job.u) ~= id then found(id, 'does not hold its unique key') end
    if call('TTL', JOB .. id) ~= -1 then found(id, 'may expire') end
    check_place(id, index, place, job)
end

if verb == 'ledger' then
    local m = call('HMGET', META, 'created', 'deleted', 'repaired')
    local sum = 0
    for i = 1, #ORDER do sum = sum + call('ZCARD', ORDER[i]) end
    return { 'ok', tonumber(m[1]) or 0, tonumber(m[2]) or 0, sum, tonumber(m[3]) or 0, call('ZCARD', TOMB), call('HLEN', TOMBS) }
end

if verb == 'index' then
    local index = INDEXES[ARGV[2]]
    if not index then return redis.error_reply('BADARG index') end
    local page = call('ZSCAN', index, ARGV[3], 'COUNT', ARGV[4])
    findings[2], findings[3] = page[1], #page[2] / 2
    for i = 1, #page[2], 2 do check(page[2][i], index, tonumber(page[2][i + 1])) end
    return findings
end

if verb == 'jobs' then
    for i = 2, #ARGV do
        local kind = call('TYPE', JOB .. ARGV[i]).ok
        if kind ~= 'none' and #homes(ARGV[i]) == 0 then
            found(ARGV[i], kind == 'hash' and 'job in no index' or 'its key is no job: ' .. kind)
        end
    end
    return findings
end

if verb == 'unique' then
    local page = call('HSCAN', UNIQUE, ARGV[2], 'COUNT', 200)
    findings[2], findings[3] = page[1], #page[2] / 2
    for i = 1, #page[2], 2 do
        local holder = page[2][i + 1]
        local job = look('HMGET', JOB .. holder, 'u', 'k')
        local state = locate(holder, job[2])
        if job[1] ~= page[2][i] then
            found(page[2][i], 'unique key held by a job that does not name it')
        elseif state == 'completed' or state == 'failed' or state == 'cancelled' or not state then
            found(page[2][i], 'unique key held by a finished job')
        end
    end
    return findings
end

return redis.error_reply('BADVERB')
