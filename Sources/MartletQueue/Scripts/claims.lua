-- Claims of jobs that are not fresh, of entries with which something is wrong, and of calls that come again.
--
-- needs: runtime values hooks events changes moves dues locate finish
-- What an earlier call of this number handed out and what still holds its token, with a new lease; nothing new.
local function replay(q, last, results)
    local nonce, ids = match(last, '^%d+ (%S*) ?(.*)$')
    results[6] = nonce
    for id in gmatch(ids, '%S+') do
        local hash = look('HGETALL', q.keys.job .. id)
        local token = not hash.err and by_name(id, hash).k
        local is_ours = live(token) and match(token, ':([^*]*)') == nonce --@ replay-nonce
        if is_ours and call('ZSCORE', q.keys.active, id) then
            enter(q, id, 'active', q.now + q.lease) --@ replay-lease
            local size = #results
            results[size + 1], results[size + 2], results[size + 3], results[size + 4] = id, claims_of(token), '', hash
        end
    end
    commit(q)
end

local function is_corrupt(job)
    return not job.t or not job.p or not (job.r == nil or whole(job.r, LEAST_PRIORITY, MOST_PRIORITY))
end

-- A worker that died took with it whoever was there. One more time and the job would be taken for poison: before that it
-- gets its last chance away from others of its kind, so that a bystander shows that it is one.
local CHANCE_MS = 1000

-- Whether a job of the line can be handed out: its claims, its token and its place, or nothing after it was moved.
-- `claim` is the call's own: its nonce, and how many jobs in their last chance it still takes.
local function examined(q, claim, id, place, hash, is_elsewhere)
    if #hash == 0 then return repair(q, id, 'queued', true) end --@ ghost
    local job = by_name(id, hash)
    if live(job.k) or is_elsewhere then return repair(q, id, 'queued', false) end --@ elsewhere
    if is_corrupt(job) then --@ corrupt
        count(q, 'repaired', 1)
        job.why = 'corrupt'
        if finish(q, job, 'queued', 'failed') then write(q, 'HSET', q.keys.job .. id, 'e', 'corrupt') end
        return nil
    end
    local _, in_a_row = losses(job.l)
    local is_last_chance = in_a_row >= MAX_LOST - 1
    if is_last_chance and claim.chances < 1 then
        local due = due_at(q, q.now + CHANCE_MS, id)
        if q.log then events.tell(q, 'postponed', id, state_of('delayed', job.k), due) end --@ chance-told
        return move(q, job, 'queued', 'delayed', due)
    end
    if on_claim(q, job, place) then return nil end --@ claim-waits
    -- Not counted before: a job that waits for a limit leaves the chance to another.
    if is_last_chance then claim.chances = claim.chances - 1 end --@ chance-used
    local claims = claims_of(job.k) + 1 --@ claim-number
    if job.r then place = digits(tonumber(place) + tonumber(job.r) * q.step) end --@ claim-place
    local star = needs_more(job) and '*' or '' --@ claim-star
    return claims, claims .. ':' .. claim.nonce .. star, place
end

-- Which jobs of a line stand in another index too, as is possible only after a script was cut short.
local function found_elsewhere(q, line)
    local all, elsewhere = {}, {}
    for i = 1, #line, 2 do all[#all + 1] = line[i] end
    local paused = call('ZMSCORE', q.keys.paused, unpack(all))
    local delayed = call('ZMSCORE', q.keys.delayed, unpack(all))
    local blocked = q.limited > 0 and call('ZMSCORE', q.keys.blocked, unpack(all)) or {} --@ elsewhere-blocked
    for i = 1, #all do elsewhere[all[i]] = paused[i] or delayed[i] or blocked[i] end
    return elsewhere
end

-- How many entries of the line a claim looks at, at a time, when jobs have left it to wait for limits, and after how many of
-- these it stops.
local FURTHER, MOST_MOVED = 32, 200
