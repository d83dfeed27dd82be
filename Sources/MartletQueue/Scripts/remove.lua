-- Empties a queue and deletes it, in bounded steps; no job that has not ended is deleted.
--
-- needs: runtime values events trail changes wake limits usage waiters finish
-- args: `drain`, how many → cancels so many of the jobs that wait: queued, blocked, delayed and paused ones
--     | `empty`, how many → forgets so many of the jobs that have ended
--     | `delete` → deletes all that the queue has, if it has no job
--     | `count`
-- Answer: `ok`, how many jobs the step ended or forgot, then how many are left that wait, that run, and that have ended.
-- `delete` answers the same as `count`; all are 0 when the queue is gone.
-- Bound: 500 jobs. Cost for each job: HMGET and 2 to 5 writes; O(log n).
local WAITING = { 'queued', 'blocked', 'delayed', 'paused' }

-- The first `most` jobs of some indexes, each given to `act`; says how many there were.
local function each_of(q, indexes, most, act)
    local done = 0
    for i = 1, #indexes do
        local ids = done < most and call('ZRANGE', q.keys[indexes[i]], 0, most - done - 1) or {} --@ remove-bound
        for k = 1, #ids do act(q, ids[k], indexes[i]) end
        done = done + #ids
    end
    commit(q)
    if q.known then wake(q, limits.finish(q)) end --@ remove-finished
    return done
end

local CANCELLED = { 't', 'k', 'u', 'd', 'lw' }

local function cancel(q, id, index)
    local job = read_job(q, id, CANCELLED)
    if not job.t and is_gone(q, job) then return repair(q, id, index, true) end
    -- Entered twice: its worker says how it ends.
    if live(job.k) then return repair(q, id, index, false) end --@ drain-running
    finish(q, job, index, 'cancelled')
end

local function left(q, done)
    local waiting, ended = 0, 0
    for i = 1, #WAITING do waiting = waiting + call('ZCARD', q.keys[WAITING[i]]) end
    for i = 1, #FINAL do ended = ended + call('ZCARD', q.keys[FINAL[i]]) end
    return { 'ok', done, waiting, call('ZCARD', q.keys.active), ended }
end

local function delete(q)
    local answer, keys = left(q, 0), {}
    if answer[3] + answer[4] + answer[5] > 0 then return answer end --@ delete-empty
    for i = 1, #KEYS_OF_A_QUEUE do
        -- Who listens hears of the end as well; the stream goes an hour later.
        local name = KEYS_OF_A_QUEUE[i]
        -- The audit trail tells of the end as well, and is kept for a while.
        if not (q.log and name == 'events') and name ~= 'trail' then keys[#keys + 1] = q.keys[name] end --@ delete-told
    end
    q.is_gone = true
    -- No job waits any more; what an interrupted call has left is taken along.
    local waited_for = call('ZRANGE', q.keys.opens, 0, CHUNK - 1)
    for i = 1, #waited_for do keys[#keys + 1] = q.keys.waiters .. waited_for[i] end
    if q.log then events.of_queue(q, 'removed') end
    for i = 1, #keys, CHUNK do call('UNLINK', unpack(keys, i, min(i + CHUNK - 1, #keys))) end
    return answer
end

local function step(q, verb, most)
    if verb == 'count' then return left(q, 0) end
    if verb == 'drain' then return left(q, each_of(q, WAITING, most, cancel)) end --@ drain
    if verb == 'empty' then return left(q, each_of(q, FINAL, most, forget_ended)) end
    if verb == 'delete' then return delete(q) end
    return error_reply('BADVERB')
end

local function remove(q, given)
    local args, refused = trail.begin(q, q.keys.trail, given)
    if not args then return refused end
    local most = whole(args[2] or '0', 0, 500)
    if not most then return error_reply('BADARG remove') end
    local answer = step(q, args[1], most)
    if q.trail and args[1] ~= 'delete' and answer[1] then
        trail.count(q, 'done', answer[2])
        trail.count(q, 'changed', answer[2])
    end
    trail.finish(q, args[1], args[1] == 'delete' and not q.is_gone and { 'not empty' } or answer)
    if q.is_gone then call('EXPIRE', q.keys.trail, KEPT_AFTER) end --@ delete-keeps
    return answer
end

functions.remove = of_queue(remove)
