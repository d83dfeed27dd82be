-- A worker says that it lives: extends leases, stores progress and checkpoints, and learns what is wanted of its jobs.
--
-- needs: runtime values events changes
-- args: worker, what it says of itself (JSON), then for each job: id, token, progress or empty, checkpoint or empty.
-- Answer: `ok`, stops counter, then for each job the ms its lease still runs, or {ms, want}, or -1 (fenced) or -2 (gone).
-- Cost: 1 command, and for each job HMGET and ZSCORE, HSET only for news, HGET with a checkpoint, a share of one ZADD
-- when a third has passed.

-- The end of a renewed lease: never more than one lease beyond a wanted stop, and not past the job's timeout
-- except a third of a lease, in which its worker may still say how it ended.
local function renewed(q, job)
    local till = q.now + q.lease
    local since = job.w and whole(match(job.w, ':(%d+)$'), 0, MOST_EXACT)
    if since then till = min(till, since + q.lease) end --@ beat-stop
    local timeout, started = whole(job.x, 0, MAX_WAIT), claimed_at(job.at)
    if timeout and started then till = min(till, started + timeout + floor(q.lease / 3)) end --@ beat-timeout
    return till
end

-- An accepted checkpoint is progress: a job that comes forward is no poison, and its losses so far are not counted towards
-- that any more. They are still shown.
local function save(q, key, checkpoint)
    local lost = losses(call('HGET', key, 'l'))
    if lost > 0 then write(q, 'HSET', key, 'l', lost .. ' ' .. lost) end --@ beat-losses
    write(q, 'HSET', key, 'c', checkpoint)
end

local HELD_JOB = { 'k', 'w', 'x', 'at' }

local function beat_of(q, id, token, progress, checkpoint)
    local key = q.keys.job .. id
    local job = read_job(q, id, HELD_JOB) --@ beat-look
    local till = is_held(job.k, token) and tonumber(call('ZSCORE', q.keys.active, id)) --@ beat-held
    if not till then return (job.k or not job.err and call('EXISTS', key) == 1) and -1 or -2 end
    if progress ~= '' then
        write(q, 'HSET', key, 'g', progress, 'v', q.stamp) --@ beat-progress
        if q.log then events.tell(q, 'progress', id, 'active', nil, nil, progress) end --@ beat-told
    end
    if checkpoint ~= '' then save(q, key, checkpoint) end
    if till - q.now < q.lease * 2 / 3 then --@ beat-third
        local new = renewed(q, job)
        if new > till then --@ beat-longer
            enter(q, id, 'active', new)
            till = new
        end
    end
    local left = max(0, till - q.now)
    local want = wants(job.w, 'pause') and 'pause' or wants(job.w, 'cancel') and 'cancel'
    return want and { left, want } or left --@ beat-want
end

local function beat(q, args)
    local results = { 'ok', q.stops }
    if args[1] ~= '' then write(q, 'HSET', q.keys.workers, args[1], q.now .. ' ' .. args[2]) end
    for i = 3, #args, 4 do
        results[#results + 1] = beat_of(q, args[i], args[i + 1], args[i + 2], args[i + 3])
    end
    commit(q)
    return results
end

functions.beat = of_queue(beat)
