#!lua flags=allow-oom
-- Empties a queue and deletes it, in bounded steps; no job that has not ended is deleted.
--
-- ARGV: `drain`, how many → cancels so many of the jobs that wait: queued, delayed and paused ones
--     | `empty`, how many → forgets so many of the jobs that have ended
--     | `delete` → deletes all that the queue has, if it has no job
--     | `count`
-- Answer: `ok`, how many jobs the step ended or forgot, then how many are left that wait, that run, and that have ended.
-- `delete` answers the same as `count`; all are 0 when the queue is gone.
-- Bound: 500 jobs. Cost for each job: HMGET and 2 to 5 writes; O(log n).
--@ names prelude values changes finish
if REFUSED then return REFUSED end

local verb, most = ARGV[1], whole(ARGV[2] or '0', 0, 500)
if not most then return redis.error_reply('BADARG remove') end

-- The first `most` jobs of some indexes, each given to `act`; says how many there were.
local function each_of(indexes, act)
    local done = 0
    for i = 1, #indexes do
        local ids = done < most and call('ZRANGE', indexes[i], 0, most - done - 1) or {}
        for k = 1, #ids do act(ids[k], indexes[i]) end
        done = done + #ids
    end
    commit()
    return done
end

local function cancel(id, index)
    local f = look('HMGET', JOB .. id, 't', 'k', 'u', 'd')
    if not f[1] and (f.err or call('HLEN', JOB .. id) == 0) then return repair(id, index, true) end
    -- Entered twice: its worker says how it ends.
    if live(f[2]) then return repair(id, index, false) end
    finish(id, index, CANCELLED, 'cancelled', f[3], f[4])
end

local function left(done)
    return {
        'ok', done, call('ZCARD', QUEUED) + call('ZCARD', DELAYED) + call('ZCARD', PAUSED), call('ZCARD', ACTIVE),
        call('ZCARD', COMPLETED) + call('ZCARD', FAILED) + call('ZCARD', CANCELLED),
    }
end

if verb == 'count' then return left(0) end
if verb == 'drain' then return left(each_of({ QUEUED, DELAYED, PAUSED }, cancel)) end
if verb == 'empty' then return left(each_of({ COMPLETED, FAILED, CANCELLED }, forget_ended)) end
if verb == 'delete' then
    local answer = left(0)
    if answer[3] + answer[4] + answer[5] == 0 then call('UNLINK', unpack(KEYS, 2)) end
    return answer
end
return redis.error_reply('BADVERB')
