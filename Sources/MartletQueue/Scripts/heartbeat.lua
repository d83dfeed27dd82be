-- The heartbeat of a worker: extends leases, stores progress and checkpoints, and returns stop requests for its jobs.
--
-- needs: runtime values events changes times
-- args: worker, its information (JSON), then for each job: id, token, progress or empty, checkpoint or empty; perhaps
-- behind them the ms of the lease that the jobs get in place of the queue's, or nothing, and behind that the times of jobs that
-- ended since the last heartbeat; see `times`.
-- Answer: `ok`, stops counter, then for each job the ms its lease still runs, or {ms, want}, or -1 (fenced) or -2 (gone).
-- Cost: 1 command, and for each job HMGET and ZSCORE, HSET only for news, HGET with a checkpoint, a share of one ZADD
-- when a third has passed.

-- The end of a renewed lease: never more than one lease beyond a wanted stop, and not past the job's timeout
-- except a third of a lease, in which its worker may still settle it.
local function renewed(q, job)
    local till = q.now + q.lease
    local since = job.w and whole(match(job.w, ':(%d+)$'), 0, MOST_EXACT)
    if since then till = min(till, since + q.lease) end --@ heartbeat-stop
    local timeout, started = whole(job.x, 0, MAX_WAIT), claimed_at(job.at)
    if timeout and started then till = min(till, started + timeout + floor(q.lease / 3)) end --@ heartbeat-timeout
    return till
end

-- An accepted checkpoint is progress: a job that comes forward is no poison, and its losses so far are not counted towards
-- that any more. They are still shown.
local function save(q, key, checkpoint)
    local lost = losses(call('HGET', key, 'l'))
    if lost > 0 then write(q, 'HSET', key, 'l', lost .. ' ' .. lost) end --@ heartbeat-losses
    write(q, 'HSET', key, 'c', checkpoint)
end

local HELD_JOB = { 'k', 'w', 'x', 'at' }

local function heartbeat_of(q, id, token, progress, checkpoint)
    local key = q.keys.job .. id
    local job = read_job(q, id, HELD_JOB) --@ heartbeat-look
    local till = is_held(job.k, token) and tonumber(call('ZSCORE', q.keys.active, id)) --@ heartbeat-held
    if not till then return (job.k or not job.err and call('EXISTS', key) == 1) and -1 or -2 end
    if progress ~= '' then
        write(q, 'HSET', key, 'g', progress, 'v', q.stamp) --@ heartbeat-progress
        if q.log then events.tell(q, 'progress', id, 'active', nil, nil, progress) end --@ heartbeat-told
    end
    if checkpoint ~= '' then save(q, key, checkpoint) end
    if till - q.now < q.lease * 2 / 3 then --@ heartbeat-third
        local new = renewed(q, job)
        if new > till then --@ heartbeat-longer
            enter(q, id, 'active', new)
            till = new
        end
    end
    local left = max(0, till - q.now)
    local want = wants(job.w, 'pause') and 'pause' or wants(job.w, 'cancel') and 'cancel'
    return want and { left, want } or left --@ heartbeat-want
end

local function heartbeat(q, args)
    local results = { 'ok', q.stops }
    if args[1] ~= '' then write(q, 'HSET', q.keys.workers, args[1], q.now .. ' ' .. args[2]) end
    local last, lines = #args, nil
    if last % 4 == 0 then lines, last = args[last], last - 1 end
    if last % 4 == 3 then
        q.lease = whole(args[last], SETTINGS.lease[1], SETTINGS.lease[2]) or q.lease --@ heartbeat-own-lease
        last = last - 1
    end
    for i = 3, last, 4 do
        results[#results + 1] = heartbeat_of(q, args[i], args[i + 1], args[i + 2], args[i + 3])
    end
    commit(q)
    if lines then times.add(q, lines) end --@ heartbeat-times
    return results
end

functions.heartbeat = of_queue(heartbeat)
