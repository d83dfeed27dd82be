-- The housekeeping that needs nobody in charge: promotes due jobs, takes back those of dead workers, forgets old ones.
--
-- needs: runtime values events changes hooks moves places plan wake limits usage waiters finish history groups samples promote
-- args: none.
-- Answer: `ok`, more (1 when there is more to do at once), promoted, forgotten, then for each job taken back {id, new state}.
-- Bounds: 1000 promotions, 200 of all else. Any number of processes may call it at any time.
local PROMOTIONS, REST, SILENT_MS, QUIET_MS = 1000, 200, 3600000, 5000

-- An entry of `active` without a type: the remains of a job, or no job at all.
local function take_back_torn(q, job)
    -- What begins so was never a job: `turn` has it in the set for a moment.
    if byte(job.id) == 33 then return drop(q, job.id, 'active') end
    if is_gone(q, job) then return repair(q, job.id, 'active', true) end --@ sweep-gone
    local key = q.keys.job .. job.id
    count(q, 'repaired', 1)
    write(q, 'HDEL', key, 'w')
    job.why = 'corrupt'
    if finish(q, job, 'active', 'failed') then
        write(q, 'HSET', key, 'k', '-' .. claims_of(job.k) .. ':', 'e', 'corrupt')
    end
    return 'failed'
end

-- A claim that was cut short: the job was given to nobody and may still stand where it was.
local function take_back_unclaimed(q, tally, job)
    for i = 1, #INDEXES do
        local index = INDEXES[i]
        if index ~= 'active' and call('ZSCORE', q.keys[index], job.id) then
            on_leave_active(q, job) --@ unclaimed-released
            return repair(q, job.id, 'active', false)
        end
    end
    count(q, 'repaired', 1)
    move(q, job, 'active', 'queued', score(q, place_of(job.at) or place_now(q, job.r), job.r))
    if q.log then events.tell(q, 'released', job.id, 'queued') end --@ unclaimed-told
    tally.ready = tally.ready + 1
    return nil
end

local LOST = { 't', 'k', 'w', 'l', 'r', 'at', 'u', 'd', 'h', 'lk', 'lh' }

-- An entry of `active` whose lease is over. Where it goes depends on what was asked for and on how often it was lost.
local function take_back(q, tally, id)
    local key, job = q.keys.job .. id, read_job(q, id, LOST) --@ sweep-look
    if not job.t then return take_back_torn(q, job) end
    if not live(job.k) then return take_back_unclaimed(q, tally, job) end
    local lost, in_a_row = lost_again(job.l)
    local spent = '-' .. claims_of(job.k) .. ':' --@ sweep-spent
    if job.w then write(q, 'HDEL', key, 'w') end --@ sweep-unwanted
    if wants(job.w, 'cancel') then --@ sweep-cancel
        if finish(q, job, 'active', 'cancelled') then write(q, 'HSET', key, 'k', spent, 'l', lost) end
        return 'cancelled'
    end
    if in_a_row >= (find(job.k, ':i') and MAX_LOST_APART or MAX_LOST) then --@ sweep-poison
        local why = 'poison: its worker died ' .. in_a_row .. ' times in a row'
        job.why = why
        if finish(q, job, 'active', 'failed') then
            write(q, 'HSET', key, 'k', spent, 'l', lost, 'e', why, 'h', with_attempt(q, job, 'lost', why)) --@ sweep-failed
        end
        groups.note(q, POISON_PRINT, job, why) --@ sweep-grouped
        return 'failed'
    end
    write(q, 'HSET', key, 'k', spent, 'l', lost, 'v', q.stamp, 'h', with_attempt(q, job, 'lost', '')) --@ sweep-lost
    local is_paused = wants(job.w, 'pause')
    if q.log then events.tell(q, is_paused and 'paused' or 'lost', id, is_paused and 'paused' or 'queued') end --@ lost-told
    if is_paused then --@ sweep-pause
        move(q, job, 'active', 'paused', q.now)
        return 'paused'
    end
    move(q, job, 'active', 'queued', score(q, place_of(job.at) or place_now(q, job.r), job.r))
    tally.ready = tally.ready + 1
    return 'queued'
end

-- Nobody swept for a while, or the clock jumped: Redis itself was away, so no worker could renew. Each gets a full lease.
local function grace_of(q, swept, grace)
    local is_back = swept and q.now < swept --@ sweep-back
    if not swept or q.now - swept > QUIET_MS or is_back then grace = q.now + q.lease end --@ sweep-grace
    call('HSET', q.keys.meta, 'swept', q.now, 'grace', grace)
    return grace
end

local function forget_tombstones(q)
    local expired = call('ZRANGE', q.keys.tombstones, '-inf', q.now, 'BYSCORE', 'LIMIT', 0, REST)
    if #expired > 0 then
        write(q, 'ZREM', q.keys.tombstones, unpack(expired))
        write(q, 'HDEL', q.keys.tombstone_digests, unpack(expired)) --@ sweep-tombstones
    end
    return #expired
end

-- Removes workers that have been silent for an hour; a few at a time, from where the last sweep stopped. A worker that claims
-- without heartbeats is noted with the number of its last claim, and removed when it still has that number an hour later.
local function forget_workers(q, cursor)
    local page = call('HSCAN', q.keys.workers, cursor, 'COUNT', 50)
    for i = 1, #page[2], 2 do
        local worker, seen, noted = page[2][i], match(page[2][i + 1], '^(%d+)#?(%d*)')
        if (tonumber(seen) or 0) < q.now - SILENT_MS then --@ sweep-silent
            local last = call('HGET', q.keys.claims, worker)
            local number = last and match(last, '^%d+')
            if number and number ~= noted then --@ sweep-noted
                write(q, 'HSET', q.keys.workers, worker, q.now .. '#' .. number .. ' {}')
            else
                write(q, 'HDEL', q.keys.workers, worker)
                write(q, 'HDEL', q.keys.claims, worker)
            end
        end
    end
    write(q, 'HSET', q.keys.meta, 'workers_cursor', page[1])
end

-- A claim writes no time: a worker without a heartbeat is noted now and removed an hour after its last claim.
local function note_claimers(q, cursor)
    local page = call('HSCAN', q.keys.claims, cursor, 'COUNT', 50)
    for i = 1, #page[2], 2 do
        local worker, number = page[2][i], match(page[2][i + 1], '^%d+') or ''
        if not call('HGET', q.keys.workers, worker) then
            write(q, 'HSET', q.keys.workers, worker, q.now .. '#' .. number .. ' {}')
        end
    end
    write(q, 'HSET', q.keys.meta, 'claims_cursor', page[1])
end

-- Jobs that waited for a limit come into line: of keys whose time has come, of those that this sweep has given capacity to, and,
-- whatever went wrong before, of a page of all others.
-- Says how many there were, and whether keys are left whose time has come or whose class has changed.
local function open_waiters(q, cursor, changed_classes)
    local _, has_due, has_changed = nil, false, false
    if q.limited > 0 then
        if changed_classes then has_changed = limits.touch_classes(q, changed_classes) end --@ sweep-classes
        _, has_due = limits.touch_due(q) --@ sweep-due
        limits.touch_page(q, cursor) --@ sweep-page
        limits.sweep_holds(q) --@ sweep-holds
    end
    return q.known and limits.finish(q) or 0, has_due or has_changed --@ sweep-opens
end

local function sweep(q, _)
    local state = call('HMGET', q.keys.meta, 'swept', 'grace', 'claims_cursor', 'workers_cursor', 'opens_cursor', 'changed_classes')
    local grace = grace_of(q, tonumber(state[1]), tonumber(state[2]) or 0)
    local results, tally = { 'ok', 0, 0, 0 }, { ready = 0 }
    local promoted = promote(q, PROMOTIONS)
    local over = {}
    if q.now >= grace then
        over = call('ZRANGE', q.keys.active, '-inf', q.now, 'BYSCORE', 'LIMIT', 0, REST) --@ sweep-over
    end
    for i = 1, #over do
        local to = take_back(q, tally, over[i])
        if to then results[#results + 1] = { over[i], to } end
    end
    local forgotten = trim(q, 'completed', REST) + trim(q, 'failed', REST) + trim(q, 'cancelled', REST)
    local expired = forget_tombstones(q)
    forget_workers(q, state[4] or '0')
    note_claimers(q, state[3] or '0')
    commit(q)
    local opened, goes_on = open_waiters(q, state[5], state[6])
    tally.ready = tally.ready + opened
    groups.write(q)
    samples.take(q, tonumber(state[1]))
    -- Nobody listens any more: calls need not read so.
    if q.listen > 0 and not q.log then make_plan(q) end --@ sweep-unheard
    -- Nobody waits any more for limits that are gone.
    if q.limited >= 16 then
        limits.count(q)
        make_plan(q)
    end
    local ready = promoted + tally.ready
    if q.limit > 0 and #over > 0 then ready = max(ready, call('ZCARD', q.keys.queued)) end --@ sweep-room
    wake(q, ready) --@ sweep-wakes
    local is_full = promoted == PROMOTIONS or opened >= REST or #over == REST or forgotten >= REST or expired == REST
    results[2] = (is_full or goes_on) and 1 or 0
    results[3], results[4] = promoted, forgotten
    return results
end

functions.sweep = of_queue(sweep)
