#!lua flags=allow-oom
-- Hands jobs to a worker, highest priority first, oldest first within one priority; promotes what is due before.
--
-- ARGV: worker, call number, nonce, how many (1 to 128).
-- Answer: status, lease ms, ms until the next due job or -1, stops counter, then for each job
-- {id, token, hash as flat list, ms that it was runnable}; the last is missing in a replay.
-- Status: `ok`, `paused`, `full`, `stale` (a later call of this worker was executed already).
-- A repeated call number answers the jobs of the first call that still hold its token, and nothing new.
-- Cost for a batch: 7 commands; for each job HGETALL and HSET; the rest variadic, O(log n) for each job.
if REFUSED then return REFUSED end

local worker, number, nonce = ARGV[1], whole(ARGV[2], 1, 2 ^ 53), ARGV[3]
local asked = whole(ARGV[4], 1, 128)
if not number or not asked then return redis.error_reply('BADARG claim') end
local results = { 'ok', lease, -1, stops }

local function next_due()
    local head = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
    return head[2] and max(0, tonumber(head[2]) - now) or -1
end

-- The pairs of a hash, as far as a claim needs them.
local function decide(pairs_)
    local fields = {}
    for i = 1, #pairs_, 2 do fields[pairs_[i]] = pairs_[i + 1] end
    return fields
end

local before = call('HGET', CLAIMS, worker)
local last_number, last_nonce, last_ids = match(before or '', '^(%d+) (%S*) ?(.*)$')
last_number = tonumber(last_number) or 0
if number < last_number then
    results[1] = 'stale'
    return results
end
if number == last_number then
    for id in string.gmatch(last_ids, '%S+') do
        local hash = call('HGETALL', JOB .. id)
        local token = decide(hash).k
        if live(token) and match(token, ':(.*)$') == last_nonce and call('ZSCORE', ACTIVE, id) then
            move(id, nil, ACTIVE, now + lease)
            results[#results + 1] = { id, token, hash }
        end
    end
    commit()
    return results
end

local promoted = promote(max(200, 2 * asked))
local room = asked
if halted then
    results[1], room = 'paused', 0
elseif limit > 0 then
    room = min(room, limit - call('ZCARD', ACTIVE))
    if room <= 0 then results[1], room = 'full', 0 end
end

local line = room > 0 and call('ZRANGE', QUEUED, 0, room - 1, 'WITHSCORES') or {}
-- An entry may stand in two indexes only after a script was cut short; asked for only where that is possible.
local held = #line > 0 and call('ZCARD', PAUSED) + call('ZCARD', DELAYED) > 0
local ids = {}
for i = 1, #line, 2 do
    local id = line[i]
    local key = JOB .. id
    -- A key of another type answers an error here and fails alone, not with the whole line behind it.
    local hash = redis.pcall('HGETALL', key)
    local job = hash.err and {} or decide(hash)
    if not hash.err and #hash == 0 then
        repair(id, QUEUED, true)
    elseif live(job.k) or (held and (call('ZSCORE', PAUSED, id) or call('ZSCORE', DELAYED, id))) then
        repair(id, QUEUED, false)
    elseif not job.t or not job.p or not (job.r == nil or whole(job.r, -1000, 1000)) then
        count('repaired', 1)
        if finish(id, QUEUED, FAILED, 'failed', job.u, job.d) and not hash.err then
            write('HSET', key, 'e', 'corrupt')
        end
    else
        local token = claims_of(job.k) + 1 .. ':' .. nonce
        local place = tonumber(line[i + 1]) + (tonumber(job.r) or 0) * step
        move(id, QUEUED, ACTIVE, now + lease)
        write('HSET', key, 'k', token, 'at', place, 's', now)
        ids[#ids + 1] = id
        results[#results + 1] = { id, token, hash, max(0, now - place) }
    end
end
write('HSET', CLAIMS, worker, number .. ' ' .. nonce .. ' ' .. table.concat(ids, ' '))
commit()

local left = call('ZCARD', QUEUED)
if room == 0 or left == 0 then
    call('DEL', WAKE)
elseif promoted > #ids then
    wake(promoted - #ids)
end
if #ids < asked then results[3] = next_due() end
return results
