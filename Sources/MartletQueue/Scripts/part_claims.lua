-- Claims of jobs that are not fresh, of entries with which something is wrong, and of calls that come again.
-- The fields of a hash by name.
local function by_name(pairs_)
    local fields = {}
    for i = 1, #pairs_, 2 do fields[pairs_[i]] = pairs_[i + 1] end
    return fields
end

-- What an earlier call of this number handed out and what still holds its token, with a new lease; nothing new.
local function replay(last, results)
    local nonce, ids = match(last, '^%d+ (%S*) ?(.*)$')
    results[6] = nonce
    for id in string.gmatch(ids, '%S+') do
        local hash = look('HGETALL', JOB .. id)
        local token = not hash.err and by_name(hash).k
        if live(token) and match(token, ':([^*]*)') == nonce and call('ZSCORE', ACTIVE, id) then
            move(id, nil, ACTIVE, now + lease)
            local size = #results
            results[size + 1], results[size + 2], results[size + 3], results[size + 4] = id, claims_of(token), '', hash
        end
    end
    commit()
    return results
end

-- A worker that died took with it whoever was there. One more time and the job would be taken for poison: before that it
-- gets its last chance away from others of its kind, so that a bystander shows that it is one.
local chances = tonumber(ARGV[5]) or 0
local CHANCE_MS = 1000

-- Whether a job of the line can be handed out: its claims, its token and its place, or nothing after it was repaired.
local function examined(id, place, hash, nonce, is_elsewhere)
    if #hash == 0 then return repair(id, QUEUED, true) end
    local job = by_name(hash)
    if live(job.k) or is_elsewhere then return repair(id, QUEUED, false) end
    if not job.t or not job.p or not (job.r == nil or whole(job.r, -1000, 1000)) then
        count('repaired', 1)
        if finish(id, QUEUED, FAILED, 'failed', job.u, job.d) then write('HSET', JOB .. id, 'e', 'corrupt') end
        return
    end
    if select(2, losses(job.l)) >= MAX_LOST - 1 then
        if chances < 1 then return move(id, QUEUED, DELAYED, due_at(now + CHANCE_MS, id)) end
        chances = chances - 1
    end
    local claims = claims_of(job.k) + 1
    if job.r then place = digits(tonumber(place) + tonumber(job.r) * step) end
    return claims, claims .. ':' .. nonce .. ((job.u or job.d) and '*' or ''), place
end

