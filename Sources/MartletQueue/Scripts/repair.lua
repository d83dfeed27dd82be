#!lua flags=allow-oom
-- Mends what an audit found of one job, one unique key, or the ledger. Only towards a state in which the job runs again or
-- can be made to: no job is deleted, none is called completed.
--
-- ARGV: `job`, id, 1 to do it or 0 to say what would be done
--     | `unique`, key, 1 or 0
--     | `ledger`, empty, 1 or 0
-- Answer: `ok`, before, after (empty unless done), then what is done or would be, in words; nothing when all is well.
--@ names prelude values places changes homes
if REFUSED then return REFUSED end

local verb, subject, does = ARGV[1], ARGV[2], ARGV[3] == '1'
local steps, acts = {}, 0
local function leave(what) steps[#steps + 1] = what end
local function step_(what)
    leave(what)
    acts = acts + 1
end

local function facts(id)
    local words = {}
    for i, home in ipairs(homes(id)) do words[i] = home.name .. ' ' .. home.at end
    if #words == 0 then words[1] = 'in no index' end
    if call('TYPE', JOB .. id).ok ~= 'hash' then return table.concat(words, ', ') .. ', no job' end
    local f = call('HMGET', JOB .. id, 'k', 'r', 'at', 'w', 'e')
    words[#words + 1] = 'token ' .. (f[1] and (live(f[1]) and 'live' or 'spent') or 'none')
    for i, name in ipairs({ 'priority', 'place', 'wanted', 'error' }) do
        if f[i + 1] then words[#words + 1] = name .. ' ' .. sub(f[i + 1], 1, 64) end
    end
    return table.concat(words, ', ')
end

local function holds(id, unique_key)
    if call('TYPE', JOB .. id).ok ~= 'hash' or call('HGET', JOB .. id, 'u') ~= unique_key then return false end
    return call('ZSCORE', ACTIVE, id) or call('ZSCORE', PAUSED, id) or call('ZSCORE', DELAYED, id) or call('ZSCORE', QUEUED, id)
end

-- Where the job belongs: {index, score now or nil}.
local function home_of(found, token)
    for i = 1, #found do
        if found[i].index ~= ACTIVE or live(token) then return found[i].index, tonumber(found[i].at) end
    end
    if live(token) then
        step_('put into active for one lease, as a worker may hold it')
        return ACTIVE, nil
    end
    step_('put into line')
    return QUEUED, nil
end

local function mend_wish(id, index, job)
    if not job.w or index == ACTIVE then return index end
    write('HDEL', JOB .. id, 'w')
    if wants(job.w, 'cancel') and not is_final(index) then
        step_('cancelled, as was asked for')
        count('cancelled', 1)
        return CANCELLED
    elseif wants(job.w, 'pause') and (index == QUEUED or index == DELAYED) then
        step_('paused, as was asked for')
        return PAUSED
    end
    step_('a wish to stop it is taken back')
    return index
end

local function mend_fields(id, index, job)
    if job.r and not whole(job.r, -1000, 1000) then
        step_('its priority, which is none, becomes 0')
        write('HDEL', JOB .. id, 'r')
        job.r = nil
    end
    if (job.t and job.p) or job.e == 'corrupt' then return index end
    step_('failed as corrupt: its type or payload is lost')
    write('HSET', JOB .. id, 'e', 'corrupt')
    if is_final(index) then return index end
    count('failed', 1)
    return FAILED
end

local function mend_token(id, index, job)
    if live(job.k) and index ~= ACTIVE then
        step_('its token is spent, as no worker may hold it')
        write('HSET', JOB .. id, 'k', '-' .. claims_of(job.k) .. ':')
    elseif index == ACTIVE and (job.w or job.u or job.d) and byte(job.k, -1) ~= 42 then
        step_('its token shows that its end has more to look at')
        write('HSET', JOB .. id, 'k', job.k .. '*')
    end
end

local function mend_unique(id, index, key)
    if not key then return end
    local holder = call('HGET', UNIQUE, key)
    if is_final(index) then
        if holder == id then
            step_('its unique key is free')
            write('HDEL', UNIQUE, key)
        end
    elseif holder ~= id then
        if holder and holds(holder, key) then return leave('left: another job holds its unique key') end
        step_('it holds its unique key again')
        write('HSET', UNIQUE, key, id)
    end
end

-- The place of a job in its index; one that makes no sense is now.
local function mend_place(id, index, at, job)
    local place = whole_place(job.at)
    if not place or not is_time(place) then
        place = place_now(job.r)
        if index == ACTIVE or index == PAUSED then
            step_('its place in line is now')
            write('HSET', JOB .. id, 'at', digits(place))
        end
    end
    if index == QUEUED then
        if at and is_time(at + priority_of(job.r) * step) then return at end
        if at then step_('its score fits its priority again') end
        return score(min(place, max(now, latest)), job.r)
    end
    if at and is_time(at) then return at end
    if at then step_('its score is a time again') end
    return index == ACTIVE and now + lease or now
end

local function mend_job(id)
    local kind, found = call('TYPE', JOB .. id).ok, homes(id)
    if kind ~= 'hash' then
        for i = 1, #found do
            step_('the entry in ' .. found[i].name .. ' is dropped: there is no job')
            push(removed, found[i].index, id)
        end
        if #found > 0 then count('deleted', 1) end
        if kind ~= 'none' then leave('left: its key is no job: ' .. kind) end
        return
    end
    local f = call('HMGET', JOB .. id, 't', 'p', 'k', 'r', 'at', 'w', 'u', 'e', 'd')
    local job = { t = f[1], p = f[2], k = f[3], r = f[4] or nil, at = f[5], w = f[6], u = f[7], e = f[8], d = f[9] }
    local from, at = home_of(found, job.k)
    local index = mend_fields(id, mend_wish(id, from, job), job)
    if index ~= from then at = nil end
    mend_token(id, index, job)
    mend_unique(id, index, job.u)
    if call('TTL', JOB .. id) ~= -1 then
        step_('it no longer expires')
        write('PERSIST', JOB .. id)
    end
    for i = 1, #found do
        if found[i].index ~= index then
            step_('the entry in ' .. found[i].name .. ' is dropped')
            push(removed, found[i].index, id)
        end
    end
    local place = mend_place(id, index, at, job)
    if place ~= at then move(id, nil, index, place) end
end

local function mend_ledger()
    local m, sum = call('HMGET', META, 'created', 'deleted'), 0
    for i = 1, #ORDER do sum = sum + call('ZCARD', ORDER[i]) end
    local difference = (tonumber(m[1]) or 0) - (tonumber(m[2]) or 0) - sum
    if difference > 0 then
        step_(difference .. ' counted as deleted')
        count('deleted', difference)
    elseif difference < 0 then
        step_(-difference .. ' counted as created')
        count('created', -difference)
    end
    return 'difference ' .. difference
end

local before, after = '', ''
if verb == 'job' then
    before = facts(subject)
    mend_job(subject)
elseif verb == 'unique' then
    local holder = call('HGET', UNIQUE, subject)
    if holder and not holds(holder, subject) then
        before = 'held by ' .. holder
        step_('the key is free: no open job holds it')
        write('HDEL', UNIQUE, subject)
    end
elseif verb == 'ledger' then
    before = mend_ledger()
else
    return redis.error_reply('BADVERB')
end
if does and acts > 0 then
    count('repaired', 1)
    commit()
    after = verb == 'job' and facts(subject) or 'done'
end
return { 'ok', before, after, unpack(steps) }
