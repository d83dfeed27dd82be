#!lua flags=allow-oom
-- The housekeeping that needs nobody in charge: promotes due jobs, takes back those of dead workers, forgets old ones.
--
-- ARGV: none.
-- Answer: `ok`, more (1 when there is more to do at once), promoted, forgotten, then for each job taken back {id, new state}.
-- Bounds: 1000 promotions, 200 of all else. Any number of processes may call it at any time.
--@ names prelude values order places due wake alarm changes finish promote
if REFUSED then return REFUSED end

local PROMOTE, REST, SILENT_MS, QUIET_MS = 1000, 200, 3600000, 5000
local state = call('HMGET', META, 'swept', 'grace', 'completed', 'claims_cursor', 'workers_cursor')
local swept, grace = tonumber(state[1]), tonumber(state[2]) or 0
local results, ready = { 'ok', 0, 0, 0 }, 0

-- Nobody swept for a while, or the clock jumped: Redis itself was away, so no worker could renew. Each gets a full lease.
if not swept or now - swept > QUIET_MS or now < swept then grace = now + lease end
call('HSET', META, 'swept', now, 'grace', grace)

local promoted = promote(PROMOTE)
ready = promoted

-- An entry of `active` whose lease is over. Where it goes depends on what was asked for and on how often it was lost.
local function take_back(id)
    local key = JOB .. id
    local f = look('HMGET', key, 't', 'k', 'w', 'l', 'r', 'at', 'u', 'd')
    if not f[1] then
        -- What begins so was never a job: `turn` has it in the set for a moment.
        if byte(id) == 33 then return move(id, ACTIVE, nil) end
        if f.err or call('HLEN', key) == 0 then return repair(id, ACTIVE, true) end
        -- Its type is lost.
        count('repaired', 1)
        write('HDEL', key, 'w')
        if finish(id, ACTIVE, FAILED, 'failed', f[7], f[8]) then
            write('HSET', key, 'k', '-' .. claims_of(f[2]) .. ':', 'e', 'corrupt')
        end
        return 'failed'
    end
    if not live(f[2]) then
        -- A claim that was cut short: the job was given to nobody and may still stand where it was.
        if call('ZSCORE', PAUSED, id) or call('ZSCORE', DELAYED, id) or call('ZSCORE', QUEUED, id)
            or call('ZSCORE', COMPLETED, id) or call('ZSCORE', FAILED, id) or call('ZSCORE', CANCELLED, id) then
            repair(id, ACTIVE, false)
        else
            count('repaired', 1)
            move(id, ACTIVE, QUEUED, score(place_of(f[6]) or place_now(f[5]), f[5]))
            ready = ready + 1
        end
        return nil
    end
    local lost, in_a_row = lost_again(f[4])
    local spent = '-' .. claims_of(f[2]) .. ':'
    if f[3] then write('HDEL', key, 'w') end
    if wants(f[3], 'cancel') then
        if finish(id, ACTIVE, CANCELLED, 'cancelled', f[7], f[8]) then write('HSET', key, 'k', spent, 'l', lost) end
        return 'cancelled'
    end
    if in_a_row >= (find(f[2], ':i') and MAX_LOST_APART or MAX_LOST) then
        if finish(id, ACTIVE, FAILED, 'failed', f[7], f[8]) then
            write('HSET', key, 'k', spent, 'l', lost, 'e', 'poison: its worker died ' .. in_a_row .. ' times in a row')
        end
        return 'failed'
    end
    write('HSET', key, 'k', spent, 'l', lost, 'v', stamp)
    if wants(f[3], 'pause') then
        move(id, ACTIVE, PAUSED, now)
        return 'paused'
    end
    local place = place_of(f[6]) or place_now(f[5])
    move(id, ACTIVE, QUEUED, score(place, f[5]))
    ready = ready + 1
    return 'queued'
end

local over = now >= grace and call('ZRANGE', ACTIVE, '-inf', now, 'BYSCORE', 'LIMIT', 0, REST) or {}
for i = 1, #over do
    local to = take_back(over[i])
    if to then results[#results + 1] = { over[i], to } end
end
local forgotten = trim(COMPLETED, 'completed', REST) + trim(FAILED, 'failed', REST) + trim(CANCELLED, 'cancelled', REST)

local buried = call('ZRANGE', TOMB, '-inf', now, 'BYSCORE', 'LIMIT', 0, REST)
if #buried > 0 then
    write('ZREM', TOMB, unpack(buried))
    write('HDEL', TOMBS, unpack(buried))
end

-- Workers that have been silent for an hour; a few at a time, from where the last sweep stopped. Who claims but does not
-- beat under this name is noted with the number of its last claim, and forgotten when an hour later it still has that one.
local page = call('HSCAN', WORKERS, state[5] or '0', 'COUNT', 50)
for i = 1, #page[2], 2 do
    local worker, seen, noted = page[2][i], match(page[2][i + 1], '^(%d+)#?(%d*)')
    if (tonumber(seen) or 0) < now - SILENT_MS then
        local last = call('HGET', CLAIMS, worker)
        local number = last and match(last, '^%d+')
        if number and number ~= noted then
            write('HSET', WORKERS, worker, now .. '#' .. number .. ' {}')
        else
            write('HDEL', WORKERS, worker)
            write('HDEL', CLAIMS, worker)
        end
    end
end
write('HSET', META, 'workers_cursor', page[1])
page = call('HSCAN', CLAIMS, state[4] or '0', 'COUNT', 50)
for i = 1, #page[2], 2 do
    local last = call('HGET', WORKERS, page[2][i])
    -- A claim writes no time: whoever never beat here is remembered from now on and goes an hour later.
    if not last then write('HSET', WORKERS, page[2][i], now .. '#' .. (match(page[2][i + 1], '^%d+') or '') .. ' {}') end
end
write('HSET', META, 'claims_cursor', page[1])
commit()

if limit > 0 and #over > 0 then ready = max(ready, call('ZCARD', QUEUED)) end
wake(ready)
results[2] = (promoted == PROMOTE or #over == REST or forgotten >= REST or #buried == REST) and 1 or 0
results[3], results[4] = promoted, forgotten
return results
