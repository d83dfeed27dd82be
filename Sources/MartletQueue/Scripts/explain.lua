-- Why a job waits, and what the waiting jobs of a queue wait for: by the predicates with which claims decide.
--
-- needs: runtime values order locate limitwords limits holds usage waiters promote claims limitstatus
-- args: `job`, id → `ok`, now ms, nil or the job as `read` answers it but without what it carries, flat list of names and values,
--       and each of its keys that has no capacity for it, as three lists: names and values, the limit and the holders as
--       `limitstatus` answers them
--     | `queue` → `ok`, now ms, flat list of names and values, then for each key that jobs wait for: key, how many, reason, when
--       it opens (ms, or -1 where not by time). At most 500 keys, those that open soonest
-- Reasons: `paused`, `concurrency`, `rate`, `ahead` (another job waits for the key further ahead), `opening` (it has capacity).
-- Nothing is written. What the next claim would bring into line first counts as being there.
-- Cost for a job: some twenty commands, and about ten for each entry at the head of the line that cannot run, at most 225.
local FIELDS = { 't', 'r', 'm', 'x', 'n', 'y', 'lk', 'lw', 'k', 'at', 'f', 'l', 'e', 'w', 'v' }
local META = { 'paused', 'paused_reason', 'paused_by', 'paused_at', 'paused_all', 'paused_all_reason', 'paused_all_by' }
local MOST_KEYS, MOST_EXPLAINED = 500, 8

local function add(flat, name, value)
    if value then flat[#flat + 1], flat[#flat + 2] = name, value end
end

-- What holds all jobs of the queue back, and how many are where.
local function facts_of(q)
    local flat, set = {}, call('HMGET', q.keys.meta, unpack(META))
    for i = 1, #META do add(flat, META[i], set[i]) end
    add(flat, 'limit', q.limit > 0 and digits(q.limit))
    for i = 1, #INDEXES do
        if not IS_FINAL[INDEXES[i]] then add(flat, 'jobs_' .. INDEXES[i], call('ZCARD', q.keys[INDEXES[i]])) end
    end
    return flat
end

-- The part of a limit that has no capacity for a weight, or nothing where all parts have.
local function lacking(q, entry, weight, others)
    local limit = entry.limit
    local function has(part) return limits.has_capacity(q, part, entry.used, entry.next_start, weight, others) end
    if has(limit) then return nil end --@ explain-capacity
    if not has({ closed_until = limit.closed_until }) then return 'paused' end
    return has({ concurrency = limit.concurrency }) and 'rate' or 'concurrency' --@ explain-part
end

-- Whether entry `a` stands behind entry `b`.
local function stands_behind(a, b) return a.at > b.at or a.at == b.at and is_behind(a.id, b.id) end

local function insert(line, id, at)
    local entry, i = { id = id, at = tonumber(at), place = at }, #line
    while i > 0 and stands_behind(line[i], entry) do
        line[i + 1] = line[i]
        i = i - 1
    end
    line[i + 1] = entry
end

-- What the next claim brings into line before it looks at it, in order.
local function coming(q)
    local line = {}
    if q.limited > 0 and limits.touch_due(q) > 0 then --@ explain-opens
        local opened = limits.would_open(q)
        for i = 1, #opened, 2 do insert(line, opened[i], opened[i + 1]) end
    end
    local due = due_line(q, 200)
    for i = 1, #due, 2 do insert(line, due[i + 1], due[i]) end --@ explain-due
    return line
end

local WALKED = { 't', 'r', 'k', 'y', 'lk', 'lw' }

-- Whether a claim hands out this entry of the line at its turn.
local function runs(q, entry)
    local job = read_job(q, entry.id, WALKED)
    job.p = not job.err and call('HEXISTS', q.keys.job .. entry.id, 'p') == 1
    if is_corrupt(job) or live(job.k) then return false end --@ explain-sound
    if not (job.lk or job.lw or q.limited > 1) then return true end
    local _, obstacle = limits.judge(q, job, entry.place)
    return not obstacle --@ explain-runs
end

-- A page of the line as the next claim finds it, and how many entries of `came` it has used up.
local function page_of_line(q, from, many, came, used)
    local found, page = call('ZRANGE', q.keys.queued, from, from + many - 1, 'WITHSCORES'), {}
    local elsewhere = found[1] and found_elsewhere(q, found) or {}
    local function take(till)
        while came[used + 1] and (not till or stands_behind(till, came[used + 1])) do
            used = used + 1
            page[#page + 1] = came[used]
        end
    end
    for i = 1, #found, 2 do
        local entry = { id = found[i], at = tonumber(found[i + 1]), place = found[i + 1], is_elsewhere = elsewhere[found[i]] }
        take(entry) --@ explain-order
        page[#page + 1] = entry
    end
    if #found < 2 * many then take() end
    return page, used, #found == 2 * many
end

-- The job that the next claim of one job hands out, by a worker that knows all types and takes jobs in their last chance.
local function next_job(q, came)
    if q.halted == 1 then return nil end --@ explain-halted
    if q.limit > 0 and call('ZCARD', q.keys.active) >= q.limit then return nil end --@ explain-full
    -- As in a claim: one entry, and where the queue has limits pages of more until enough were moved.
    local most = q.limited > 0 and 1 + ceil((MOST_MOVED - 1) / FURTHER) * FURTHER or 1
    local seen, from, used, goes_on = 0, 0, 0, true
    while goes_on and seen < most do
        local page
        page, used, goes_on = page_of_line(q, from, most == 1 and 1 or FURTHER, came, used)
        for i = 1, #page do
            if seen >= most then return nil end
            seen = seen + 1
            if not page[i].is_elsewhere and runs(q, page[i]) then return page[i].id end
        end
        from = from + FURTHER
    end
    return nil
end

-- How many jobs wait for a key further ahead.
local function waiting_ahead(q, entry, id, at)
    local key = q.keys.waiters .. entry.key
    return call('ZRANK', key, id) or max(1, call('ZCOUNT', key, '-inf', '(' .. digits(at)))
end

-- When a key opens by time: for the job itself, or for the one that stands first.
local function opening_of(q, entry, weight, others, first)
    local at = first and entry.opens or limits.opening(q, entry.limit, entry.used, entry.next_start, weight, others)
    return at < huge and format('%.0f', max(q.now, at)) or '-1'
end

-- Who paused a limit, and why.
local function add_pause(q, flat, entry)
    -- A held key may have no limit; a pause by an operator counts first where it has one.
    local words = limit_words.read(q, entry.name and call('HGET', q.keys.limits, entry.name) or '')
    if not words.paused then words['until'], words.reason = limits.hold_of(q, entry.hold) end --@ explain-hold
    add(flat, 'pause_reason', words.reason)
    add(flat, 'pause_by', words.by)
    add(flat, 'pause_until', words['until'] and digits(words['until']))
end

-- Why a key has no capacity for a job of the line or a blocked one; nothing where it has. A job that waits for the key comes
-- behind those that are back in line.
local function obstacle_of(q, id, at, entry, weight, is_waiting)
    if not entry.limit then return nil end
    local others = is_waiting and entry.standing or 0 --@ explain-standing
    local first = limits.first_ahead(q, entry, id, at)
    local reason = lacking(q, entry, weight, others) or first and 'ahead'
    if not reason then return nil end
    local flat = {}
    add(flat, 'key', entry.key)
    add(flat, 'weight', digits(weight))
    add(flat, 'reason', reason)
    add(flat, 'standing', digits(others))
    add(flat, 'first', first)
    add(flat, 'ahead', first and waiting_ahead(q, entry, id, at))
    add(flat, 'opens', opening_of(q, entry, weight, others, first))
    if reason == 'paused' then add_pause(q, flat, entry) end
    local status = limit_status.one(q, entry.key)
    return { flat, status[1] or {}, status[2] }
end

-- All keys that have no capacity for a job; `came` is what comes into line with the next claim.
local function obstacles_of(q, job, state, at, came)
    if not is_line(state) or q.limited == 0 then return {} end
    local found, list = {}, limits.note_keys(q, job)
    limits.load(q)
    local is_blocked = state == 'blocked'
    for i = 1, #came do
        if came[i].id == job.id then is_blocked = false end --@ explain-came
    end
    local _, waits_for = limits.wait_of(job)
    for i = 1, #list, 2 do
        local entry, is_waiting = limits.know(q, list[i]), is_blocked and list[i] == waits_for
        if #found < MOST_EXPLAINED then
            found[#found + 1] = obstacle_of(q, job.id, at, entry, list[i + 1], is_waiting)
        end
    end
    return found
end

-- A job without what it carries, as `read` answers it.
local function without_content(q, job, state, at)
    local hash = {}
    for i = 1, #FIELDS do add(hash, FIELDS[i], job[FIELDS[i]]) end
    local since = is_line(state) and format('%.0f', floor(at + priority_of(job.r) * q.step))
    return { state, digits(at), hash, job.id, since }
end

local questions = {}

function questions.job(q, args)
    local id = args[2]
    if not id then return error_reply('BADARG explain') end
    local job = read_job(q, id, FIELDS)
    local state, index, at = locate(q, id, job.k)
    if not state or not job.t then return { 'ok', q.now } end
    local facts = facts_of(q)
    if IS_FINAL[index] or index == 'active' then return { 'ok', q.now, without_content(q, job, state, at), facts } end
    if index == 'queued' then add(facts, 'rank', call('ZRANK', q.keys.queued, id)) end --@ explain-rank
    local came = coming(q)
    local obstacles = obstacles_of(q, job, state, at, came)
    add(facts, 'startable', next_job(q, came) == id and 1 or 0)
    return { 'ok', q.now, without_content(q, job, state, at), facts, unpack(obstacles) }
end

-- Why the first job that waits for a key waits.
local function reason_of(q, entry)
    local head = call('ZRANGE', q.keys.waiters .. entry.key, '0', '0')
    local weight = head[1] and limits.weight_of_waiter(q, head[1], entry.key) or 1
    return entry.limit and lacking(q, entry, weight, entry.standing) or 'opening'
end

function questions.queue(q)
    local facts, keys, list = facts_of(q), {}, {}
    if q.limited > 0 then keys = call('ZRANGE', q.keys.opens, 0, MOST_KEYS - 1) end
    add(facts, 'keys', call('ZCARD', q.keys.opens))
    for i = 1, #keys do limits.know(q, keys[i]) end
    limits.load(q)
    for i = 1, #keys do
        local entry = limits.know(q, keys[i])
        list[#list + 1] = keys[i]
        list[#list + 1] = call('ZCARD', q.keys.waiters .. keys[i])
        list[#list + 1] = reason_of(q, entry)
        list[#list + 1] = entry.opens and entry.opens < huge and format('%.0f', entry.opens) or '-1'
    end
    return { 'ok', q.now, facts, list }
end

functions.explain = of_queue(by_verb(questions))
