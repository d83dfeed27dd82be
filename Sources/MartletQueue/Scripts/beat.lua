#!lua flags=allow-oom
-- A worker says that it lives: extends leases, stores progress and checkpoints, and learns what is wanted of its jobs.
--
-- ARGV: worker, what it says of itself (JSON), then for each job: id, token, progress or empty, checkpoint or empty.
-- Answer: `ok`, stops counter, then for each job the ms its lease still runs, or {ms, want}, or -1 (fenced) or -2 (gone).
-- Cost: 1 command, and for each job HMGET and ZSCORE, HSET only for news, HGET with a checkpoint, a share of one ZADD when a third has passed.
--@ names prelude values changes
if REFUSED then return REFUSED end

local results = { 'ok', stops }

-- The end of a renewed lease: never more than one lease beyond a wanted stop, and not past the job's timeout
-- except a third of a lease, in which its worker may still say how it ended.
local function renewed(want, timeout, started)
    local till = now + lease
    local since = want and whole(match(want, ':(%d+)$'), 0, 2 ^ 53)
    if since then till = min(till, since + lease) end
    if timeout and started then till = min(till, started + timeout + floor(lease / 3)) end
    return till
end

if ARGV[1] ~= '' then write('HSET', WORKERS, ARGV[1], now .. ' ' .. ARGV[2]) end
for i = 3, #ARGV, 4 do
    local id, token, progress, checkpoint = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local key = JOB .. id
    local job = look('HMGET', key, 'k', 'w', 'x', 'at')
    local till = is_held(job[1], token) and tonumber(call('ZSCORE', ACTIVE, id))
    if till then
        if progress ~= '' then write('HSET', key, 'g', progress, 'v', stamp) end
        -- An accepted checkpoint is progress: a job that comes forward is no poison, and its losses so far are not counted
        -- towards that any more. They are still shown.
        if checkpoint ~= '' then
            local lost = losses(call('HGET', key, 'l'))
            if lost > 0 then write('HSET', key, 'l', lost .. ' ' .. lost) end
            write('HSET', key, 'c', checkpoint)
        end
        if till - now < lease * 2 / 3 then
            local new = renewed(job[2], whole(job[3], 0, MAX_WAIT), claimed_at(job[4]))
            if new > till then
                move(id, nil, ACTIVE, new)
                till = new
            end
        end
        local left = max(0, till - now)
        local want = wants(job[2], 'pause') and 'pause' or wants(job[2], 'cancel') and 'cancel'
        results[#results + 1] = want and { left, want } or left
    else
        results[#results + 1] = (job[1] or not job.err and call('EXISTS', key) == 1) and -1 or -2
    end
end
commit()
return results
