-- Mends what an audit found of one job, one unique key, or the ledger. Only towards a state in which the job runs again or
-- can be made to: no job is deleted, none is called completed.
--
-- needs: runtime values events changes wake limits holds usage waiters moves places locate finish homes
-- args: `job`, id, 1 to do it or 0 to say what would be done
--     | `unique`, key, 1 or 0
--     | `limit`, key, 1 or 0
--     | `ledger`, empty, 1 or 0
-- Answer: `ok`, before, after (empty unless done), then what is done or would be, in words; nothing when all is well.
-- `log` has these words, and how many of them are acts.
local function leave_be(log, what) log[#log + 1] = what end

local function act_of(log, what)
    log[#log + 1] = what
    log.acts = log.acts + 1
end

local SHOWN = { { 'r', 'priority' }, { 'at', 'place' }, { 'w', 'wanted' }, { 'e', 'error' } }

local function facts(q, id)
    local words, found = {}, homes(q, id)
    for i = 1, #found do words[i] = found[i].index .. ' ' .. found[i].at end
    if #words == 0 then words[1] = 'in no index' end
    if call('TYPE', q.keys.job .. id).ok ~= 'hash' then return concat(words, ', ') .. ', no job' end
    local job = read_job(q, id, AUDITED)
    words[#words + 1] = 'token ' .. (job.k and (live(job.k) and 'live' or 'spent') or 'none')
    for i = 1, #SHOWN do
        local value = job[SHOWN[i][1]]
        if value then words[#words + 1] = SHOWN[i][2] .. ' ' .. sub(value, 1, 64) end
    end
    return concat(words, ', ')
end

-- Whether a job that has not ended holds a unique key.
local function holds(q, id, unique_key)
    local key = q.keys.job .. id
    if call('TYPE', key).ok ~= 'hash' or call('HGET', key, 'u') ~= unique_key then return false end
    for i = 1, #INDEXES do
        local index = INDEXES[i]
        if not IS_FINAL[index] and call('ZSCORE', q.keys[index], id) then return true end
    end
    return false
end

-- Where the job belongs, and its score there now, or nothing.
local function home_of(log, found, token)
    for i = 1, #found do
        if found[i].index ~= 'active' or live(token) then return found[i].index, tonumber(found[i].at) end
    end
    if live(token) then
        act_of(log, 'put into active for one lease, as a worker may hold it')
        return 'active', nil
    end
    act_of(log, 'put into line')
    return 'queued', nil
end

local function mend_wish(q, log, job, index)
    if not job.w or index == 'active' then return index end
    write(q, 'HDEL', q.keys.job .. job.id, 'w')
    if wants(job.w, 'cancel') and not IS_FINAL[index] then
        act_of(log, 'cancelled, as was asked for')
        end_job(q, job, 'cancelled')
        return 'cancelled'
    elseif wants(job.w, 'pause') and (is_line(index) or index == 'delayed') then
        act_of(log, 'paused, as was asked for')
        return 'paused'
    end
    act_of(log, 'a wish to stop it is taken back')
    return index
end

local function mend_fields(q, log, job, index)
    if job.r and not whole(job.r, LEAST_PRIORITY, MOST_PRIORITY) then
        act_of(log, 'its priority, which is none, becomes 0')
        write(q, 'HDEL', q.keys.job .. job.id, 'r')
        job.r = nil
    end
    if (job.t and job.p) or job.e == 'corrupt' then return index end
    act_of(log, 'failed as corrupt: its type or payload is lost')
    write(q, 'HSET', q.keys.job .. job.id, 'e', 'corrupt')
    if IS_FINAL[index] then return index end
    end_job(q, job, 'failed')
    return 'failed'
end

local function mend_token(q, log, job, index)
    if live(job.k) and index ~= 'active' then
        act_of(log, 'its token is spent, as no worker may hold it')
        write(q, 'HSET', q.keys.job .. job.id, 'k', '-' .. claims_of(job.k) .. ':')
    elseif index == 'active' and hides_more(job) then
        act_of(log, 'its token shows that its end has more to look at')
        write(q, 'HSET', q.keys.job .. job.id, 'k', job.k .. '*')
    end
end

local function mend_unique(q, log, job, index)
    local key, unique = job.u, q.keys.unique
    if not key then return end
    local holder = call('HGET', unique, key)
    if IS_FINAL[index] then
        if holder == job.id then
            act_of(log, 'its unique key is free')
            write(q, 'HDEL', unique, key)
        end
    elseif holder ~= job.id then
        if holder and holds(q, holder, key) then return leave_be(log, 'left: another job holds its unique key') end
        act_of(log, 'it holds its unique key again')
        write(q, 'HSET', unique, key, job.id)
    end
end

-- The place of a job in its index; one that makes no sense is now.
local function mend_place(q, log, job, index, at)
    local place = whole_place(job.at)
    if not place or not is_time(q, place) then
        place = place_now(q, job.r)
        if index == 'active' or index == 'paused' then
            act_of(log, 'its place in line is now')
            write(q, 'HSET', q.keys.job .. job.id, 'at', digits(place))
        end
    end
    if is_line(index) then
        if at and is_time(q, at + priority_of(job.r) * q.step) then return at end
        if at then act_of(log, 'its score fits its priority again') end
        return score(q, min(place, max(q.now, latest_of(q))), job.r)
    end
    if at and is_time(q, at) then return at end
    if at then act_of(log, 'its score is a time again') end
    return index == 'active' and q.now + q.lease or q.now
end

-- A blocked job stands among the waiters of the key that it names; one that names none goes back into line. A name that means
-- nothing is removed.
local function mend_wait(q, log, job, index, place)
    local _, key = limits.wait_of(job)
    if index == 'blocked' and not key then
        act_of(log, 'put into line, as it waits for no limit')
        enter(q, job.id, 'queued', place)
        drop(q, job.id, 'blocked')
    elseif index == 'blocked' and tonumber(call('ZSCORE', q.keys.waiters .. key, job.id) or '') ~= place then
        act_of(log, 'it stands among the waiters of its limit')
        write(q, 'ZADD', q.keys.waiters .. key, place, job.id)
        write(q, 'ZADD', q.keys.opens, q.stamp, key)
    elseif job.lw and not is_line(index) then
        act_of(log, 'it no longer names a limit')
        write(q, 'HDEL', q.keys.job .. job.id, 'lw')
    end
end

-- Entries of something that is no job.
local function mend_entries(q, log, id, kind, found)
    for i = 1, #found do
        act_of(log, 'the entry in ' .. found[i].index .. ' is dropped: there is no job')
        drop(q, id, found[i].index)
    end
    if #found > 0 then count(q, 'deleted', 1) end
    if kind ~= 'none' then leave_be(log, 'left: its key is no job: ' .. kind) end
end

local function mend_job(q, log, id)
    local key = q.keys.job .. id
    local kind, found = call('TYPE', key).ok, homes(q, id)
    if kind ~= 'hash' then return mend_entries(q, log, id, kind, found) end
    local job = read_job(q, id, AUDITED)
    local from, at = home_of(log, found, job.k)
    local index = mend_fields(q, log, job, mend_wish(q, log, job, from))
    if index ~= from then at = nil end
    mend_token(q, log, job, index)
    mend_unique(q, log, job, index)
    if call('TTL', key) ~= -1 then
        act_of(log, 'it no longer expires')
        write(q, 'PERSIST', key)
    end
    for i = 1, #found do
        if found[i].index ~= index then
            act_of(log, 'the entry in ' .. found[i].index .. ' is dropped')
            local is_left = found[i].index == from or found[i].index == 'blocked'
            if is_left then leave(q, job, found[i].index) else drop(q, id, found[i].index) end
        end
    end
    local place = mend_place(q, log, job, index, at)
    if place ~= at then enter(q, id, index, place) end
    mend_wait(q, log, job, index, place)
    if q.log and log.acts > 0 then events.tell(q, 'repaired', id, state_of(index, job.k)) end --@ repair-told
end

-- The weight of a key in a hash, by what the jobs say.
local function mend_weight(q, log, name, key, sums)
    local stored = tonumber(call('HGET', q.keys[name], key) or '') or 0
    if not sums then return leave_be(log, 'left: too many jobs to sum up its ' .. name) end
    local weight = sums[key] or 0
    if stored == weight and (weight > 0 or call('HEXISTS', q.keys[name], key) == 0) then return end
    act_of(log, 'its ' .. name .. ' is ' .. weight)
    if weight > 0 then write(q, 'HSET', q.keys[name], key, weight) else write(q, 'HDEL', q.keys[name], key) end
end

-- Takes out of the waiters of a key who does not wait for it, and has the key looked at when all is written.
local function mend_waiters(q, log, key)
    local waiters, stray = q.keys.waiters .. key, 0
    local ids = call('ZRANGE', waiters, 0, CHUNK - 1)
    for i = 1, #ids do
        if not limits.weight_of_waiter(q, ids[i], key) then
            stray = stray + 1
            write(q, 'ZREM', waiters, ids[i])
        end
    end
    if stray > 0 then act_of(log, 'who does not wait for it is taken out of its waiters') end
    local at = call('ZSCORE', q.keys.opens, key)
    local has_waiters = #ids > stray
    if has_waiters ~= (at and true or false) then
        act_of(log, has_waiters and 'it is noted that jobs wait for it' or 'nobody waits for it')
        if has_waiters then write(q, 'ZADD', q.keys.opens, q.stamp, key) else write(q, 'ZREM', q.keys.opens, key) end
    elseif has_waiters then
        act_of(log, 'when it opens is looked at again')
        write(q, 'ZADD', q.keys.opens, q.stamp, key)
    end
end

local function mend_hold(q, log, key)
    local text = call('HGET', q.keys.throttled, key)
    local wrong = text and limits.wrong_hold(q, text)
    if not wrong then return end
    act_of(log, 'mended: ' .. wrong)
    log.hold = text
end

local function mend_limit(q, log, key)
    local weights = call('HGET', q.keys.usage, key) or 0
    mend_weight(q, log, 'usage', key, limits.sum_usage(q))
    mend_weight(q, log, 'standing', key, limits.sum_standing(q))
    mend_waiters(q, log, key)
    mend_hold(q, log, key)
    return 'usage ' .. weights
end

local function mend_unique_key(q, log, key)
    local holder = call('HGET', q.keys.unique, key)
    if not holder or holds(q, holder, key) then return '' end
    act_of(log, 'the key is free: no open job holds it')
    write(q, 'HDEL', q.keys.unique, key)
    return 'held by ' .. holder
end

local function mend_ledger(q, log)
    local m = call('HMGET', q.keys.meta, 'created', 'deleted')
    local difference = (tonumber(m[1]) or 0) - (tonumber(m[2]) or 0) - held_in_all(q)
    if difference > 0 then
        act_of(log, difference .. ' counted as deleted')
        count(q, 'deleted', difference)
    elseif difference < 0 then
        act_of(log, -difference .. ' counted as created')
        count(q, 'created', -difference)
    end
    return 'difference ' .. difference
end

local function mend(q, args)
    local verb, subject, does, log = args[1], args[2], args[3] == '1', { acts = 0 }
    local before
    local then_ = ''
    if not does then q.log = nil end
    if verb == 'job' then
        before = facts(q, subject)
        mend_job(q, log, subject)
    elseif verb == 'unique' then
        before = mend_unique_key(q, log, subject)
    elseif verb == 'limit' then
        before = mend_limit(q, log, subject)
    elseif verb == 'ledger' then
        before = mend_ledger(q, log)
    else
        return error_reply('BADVERB')
    end
    if does and log.acts > 0 then
        count(q, 'repaired', 1)
        commit(q)
        if log.hold then limits.mend_hold(q, subject, log.hold) end
        -- By what is written now, not by what was known before.
        if q.limited > 0 then
            q.known, q.has_unread = nil, false
            limits.touch_due(q)
            if verb == 'limit' then limits.know(q, subject).touched = true end
        end
        if q.known then wake(q, limits.finish(q)) end
        then_ = verb == 'job' and facts(q, subject) or 'done'
    end
    return { 'ok', before, then_, unpack(log) }
end

functions.repair = of_queue(mend)
