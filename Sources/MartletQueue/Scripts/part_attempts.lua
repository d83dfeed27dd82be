-- The end of attempts that have more to say than that they completed.
-- `ended` has the tokens of the jobs that were settled in this call; `tally` gathers how many completed, how many came
-- into line, and when the earliest delayed one falls due.
local function settlement(ended, tally)
    local DEFAULT_RETRIES = 3

    local function spend(key, token, progress, ...)
        if progress ~= '' then
            write('HSET', key, 'k', '-' .. token, 'g', progress, ...)
        else
            write('HSET', key, 'k', '-' .. token, ...)
        end
    end

    local function end_finally(id, token, index, name, job, progress, ...)
        if not finish(id, ACTIVE, index, name, job[2], job[3]) then return name end
        spend(JOB .. id, token, progress, ...)
        if job[4] then write('HDEL', JOB .. id, 'w') end
        return name
    end

    -- When a job may run again after a wait; without one behind all who came before.
    local function after(delay, id, priority)
        if delay and delay > 0 then return due_at(now + delay, id), true end
        return place_now(priority), false
    end

    -- Out of active without being finished: where it goes depends on what was asked for meanwhile and on its time.
    local function put_back(id, token, job, priority, at, due, waits, progress, ...)
        local key = JOB .. id
        if wants(job[4], 'pause') then
            spend(key, token, progress, 'v', stamp, 'at', moved(at, due), ...)
            write('HDEL', key, 'w')
            move(id, ACTIVE, PAUSED, now)
            return 'paused'
        end
        spend(key, token, progress, 'v', stamp, ...)
        if waits then
            move(id, ACTIVE, DELAYED, due)
            tally.earliest = lower(tally.earliest, due)
            return 'retrying'
        end
        tally.ready = tally.ready + 1
        move(id, ACTIVE, QUEUED, score(due, priority))
        return 'queued'
    end

    local function settle(id, token, outcome, delay, body, progress)
        local key = JOB .. id
        -- A key of another type is no job: it fails alone, not with the whole turn behind it.
        local job = look('HMGET', key, 'k', 'u', 'd', 'w')
        local stored = job[1]
        if not stored then
            if job.err or call('EXISTS', key) == 0 then return { 'gone' } end
            return { 'fenced' }
        end
        if stored == '-' .. token then return { 'duplicate', locate(id, stored) or 'gone' } end
        if not is_held(stored, token) then return { 'fenced' } end
        if outcome == 'completed' then
            tally.completed = tally.completed + 1
            if body == '' then return end_finally(id, token, COMPLETED, 'completed', job, progress) end
            return end_finally(id, token, COMPLETED, 'completed', job, progress, 'o', body)
        end
        if wants(job[4], 'cancel') then
            return end_finally(id, token, CANCELLED, 'cancelled', job, progress)
        end
        local more = call('HMGET', key, 'm', 'f', 'r', 'at', 'l', 's')
        local is_unknown = outcome == 'release' and body ~= ''
        if more[6] and not is_unknown then write('HDEL', key, 's') end
        if outcome == 'release' or outcome == 'snooze' then
            local due, waits = place_of(more[4]), false
            if delay or not due then due, waits = after(delay, id, more[3]) else waits = is_early(due) end
            -- Given back by a worker that does not know its type: the job says so, and since when.
            if is_unknown then
                local since = more[6] or stamp
                return put_back(id, token, job, more[3], more[4], due, waits, progress, 's', since, 'e', body)
            end
            -- Put off for a reason: the job says which.
            if body ~= '' then return put_back(id, token, job, more[3], more[4], due, waits, progress, 'e', body) end
            return put_back(id, token, job, more[3], more[4], due, waits, progress)
        end
        if outcome == 'crashed' then
            local lost, in_a_row = lost_again(more[5])
            if in_a_row >= MAX_LOST then
                local why = 'poison: ' .. body .. ', after ' .. in_a_row .. ' losses in a row'
                return end_finally(id, token, FAILED, 'failed', job, progress, 'l', lost, 'e', why)
            end
            local due, waits = after(delay, id, more[3])
            return put_back(id, token, job, more[3], more[4], due, waits, progress, 'l', lost, 'e', body)
        end
        local failures = counter_of(more[2]) + 1
        if outcome == 'permanent' or failures > (whole(more[1], 0, 100) or DEFAULT_RETRIES) then
            return end_finally(id, token, FAILED, 'failed', job, progress, 'f', failures, 'e', body)
        end
        local due, waits = after(delay, id, more[3])
        return put_back(id, token, job, more[3], more[4], due, waits, progress, 'f', failures, 'e', body)
    end

    -- A job is settled once in a call; named again it is a repeat, or somebody else's.
    return function(id, token, ...)
        if ended[id] then return ended[id] == token and { 'duplicate', 'gone' } or { 'fenced' } end
        local result = settle(id, token, ...)
        if type(result) == 'string' then ended[id] = token end
        return result
    end
end

