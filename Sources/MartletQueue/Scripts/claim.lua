#!lua flags=allow-oom
-- Hands jobs to a worker, highest priority first, oldest first within one priority; promotes what is due before.
--
-- ARGV: worker, call number, nonce, how many (1 to 128).
-- Answer: status, lease ms, ms until the next due job or -1, stops counter, now ms, nonce, then four words for each job:
-- id, claims, the place in line it had (empty in a replay), hash as flat list. Its token is `<claims>:<nonce>`.
-- Status: `ok`, `paused`, `full`, `stale` (a later call of this worker was executed already).
-- A repeated call number answers the jobs of the first call that still hold its token, and nothing new.
-- Cost for a batch: 10 commands, two of them with a share for each job; for each job HGETALL and HSET, O(log n) in the
-- indexes. Where jobs are paused or delayed, one ZMSCORE each with a share for each job.
if REFUSED then return REFUSED end

local worker, number, nonce = ARGV[1], whole(ARGV[2], 1, 2 ^ 53), ARGV[3]
local asked = whole(ARGV[4], 1, 128)
if not number or not asked then return redis.error_reply('BADARG claim') end
local stamp = format('%.0f', now)
local results, size = { 'ok', lease, -1, stops, stamp, nonce }, 6

-- The fields of a hash by name.
local function decide(pairs_)
    local fields = {}
    for i = 1, #pairs_, 2 do fields[pairs_[i]] = pairs_[i + 1] end
    return fields
end

local before = call('HGET', CLAIMS, worker)
local last_number = before and tonumber(match(before, '^%d+')) or 0
if number < last_number then
    results[1] = 'stale'
    return results
end
if number == last_number then
    local last_nonce, last_ids = match(before, '^%d+ (%S*) ?(.*)$')
    results[6] = last_nonce
    for id in string.gmatch(last_ids, '%S+') do
        local hash = call('HGETALL', JOB .. id)
        local token = decide(hash).k
        if live(token) and match(token, ':([^*]*)') == last_nonce and call('ZSCORE', ACTIVE, id) then
            move(id, nil, ACTIVE, now + lease)
            results[size + 1], results[size + 2], results[size + 3], results[size + 4] = id, claims_of(token), '', hash
            size = size + 4
        end
    end
    commit()
    return results
end

local due = next_due()
local promoted = 0
if due == 0 then
    promoted = promote(max(200, 2 * asked))
    due = next_due()
end

local room = asked
if halted then
    results[1], room = 'paused', 0
elseif limit > 0 then
    room = min(room, limit - call('ZCARD', ACTIVE))
    if room <= 0 then results[1], room = 'full', 0 end
end

local line = room > 0 and call('ZRANGE', QUEUED, 0, room - 1, 'WITHSCORES') or {}
-- An entry may stand in two indexes only after a script was cut short; asked for only where that is possible.
local elsewhere = #line > 0 and (due >= 0 or call('EXISTS', PAUSED) == 1) and (function()
    local all, found = {}, {}
    for i = 1, #line, 2 do all[#all + 1] = line[i] end
    local paused, delayed = call('ZMSCORE', PAUSED, unpack(all)), call('ZMSCORE', DELAYED, unpack(all))
    for i = 1, #all do found[all[i]] = paused[i] or delayed[i] end
    return found
end)()

local ids, keys, tokens, places, active, n = {}, {}, {}, {}, {}, 0
local till, plain, stamped_at = format('%.0f', now + lease), '1:' .. nonce, ' ' .. stamp
local function take(id, key, claims, token, place, hash)
    n = n + 1
    ids[n], keys[n], tokens[n], places[n] = id, key, token, place
    active[2 * n - 1], active[2 * n] = till, id
    results[size + 1], results[size + 2], results[size + 3], results[size + 4] = id, claims, place, hash
    size = size + 4
end

-- A job that is not fresh, or an entry with which something is wrong.
local function take_special(id, key, place, hash)
    local job = hash.err and {} or decide(hash)
    if not hash.err and #hash == 0 then return repair(id, QUEUED, true) end
    if live(job.k) or (elsewhere and elsewhere[id]) then return repair(id, QUEUED, false) end
    if not job.t or not job.p or not (job.r == nil or whole(job.r, -1000, 1000)) then
        count('repaired', 1)
        if finish(id, QUEUED, FAILED, 'failed', job.u, job.d) and not hash.err then write('HSET', key, 'e', 'corrupt') end
        return
    end
    local claims = claims_of(job.k) + 1
    local token = claims .. ':' .. nonce .. ((job.u or job.d) and '*' or '')
    if job.r then place = format('%.0f', tonumber(place) + tonumber(job.r) * step) end
    take(id, key, claims, token, place, hash)
end

for i = 1, #line, 2 do
    local id = line[i]
    local key = JOB .. id
    -- A key of another type answers an error here and fails alone, not with the whole line behind it.
    local hash = redis.pcall('HGETALL', key)
    -- Just type and payload: a job with all defaults that was never claimed.
    local is_fresh = #hash == 4 and (hash[1] == 't' or hash[3] == 't') and (hash[1] == 'p' or hash[3] == 'p')
    if is_fresh and not elsewhere then
        take(id, key, 1, plain, line[i + 1], hash)
    else
        take_special(id, key, line[i + 1], hash)
    end
end
commit()
if n > 0 then
    -- Into `active` before the token is written, and out of line last: cut short in between, a job is found and repaired.
    call('ZADD', ACTIVE, unpack(active))
    for i = 1, n do call('HSET', keys[i], 'k', tokens[i], 'at', places[i] .. stamped_at) end
    call('ZREMRANGEBYRANK', QUEUED, 0, n - 1)
end
call('HSET', CLAIMS, worker, ARGV[2] .. ' ' .. nonce .. ' ' .. table.concat(ids, ' '))

if room == 0 or call('EXISTS', QUEUED) == 0 then
    call('DEL', WAKE)
elseif promoted > n then
    wake(promoted - n)
end
if n < asked then results[3] = due end
return results
