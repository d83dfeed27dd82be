-- Jobs that wait for a limit: out of the line into `blocked`, and back to their place in it when their key has capacity.
--
-- needs: runtime values order events changes wake limits usage
-- gives:
-- Adds to `limits`.
--
-- A job in `blocked` stands in `waits:<key>` too, with the same score, and its field `lw` names the key and its weight. A job
-- that comes back into line keeps `lw` until it is claimed or leaves, and its weight counts as `standing`, so that no more come
-- back than fit. `opens` has every key that jobs wait for. All is computed from these facts when a call ends, for each key that
-- the call touched, so nothing depends on what a call before it did.
-- Cost: for a call with keys, and without any limit in the queue, HMGET and one or two writes. With limits five commands to
-- read all keys of the call and up to five to write them; a job that is blocked and comes back pays about ten commands.

-- How many waiters a call brings into line, and how many of a key are read at once.
local MOST_OPENED, PAGE, DUE_KEYS = 200, 32, 50

-- The first waiter of a key, or nothing; those that this call has added are among them.
local function head_of(q, entry)
    if entry.head == nil then
        local found = entry.opens and call('ZRANGE', q.keys.waiters .. entry.key, '0', '0', 'WITHSCORES') or {}
        entry.head = found[1] and { id = found[1], at = tonumber(found[2]) } or false
    end
    return entry.head
end

-- Whether another job of the key stands further ahead and waits: it goes first, so that one of large weight gets its turn.
local function is_overtaking(q, entry, id, at)
    local head = head_of(q, entry)
    if not head or head.id == id then return false end
    return head.at < at or head.at == at and is_behind(id, head.id) --@ waiter-ahead
end

-- The first job that waits for a key, where it stands further ahead than this one.
function limits.first_ahead(q, entry, id, at) return is_overtaking(q, entry, id, at) and entry.head.id or nil end

-- The first key of a job that has no capacity for it now, and the weight; nothing where all have.
function limits.obstacle(q, id, list, at)
    for i = 1, #list, 2 do
        local entry, weight = limits.know(q, list[i]), list[i + 1]
        local limit = entry.limit
        if limit then
            local has_capacity = limits.has_capacity(q, limit, entry.used, entry.next_start, weight, 0)
            if not has_capacity or is_overtaking(q, entry, id, at) then return entry, weight end --@ obstacle
        end
    end
    return nil
end

-- The smallest limit of a job's keys that is less than what the job weighs, so that it could never run; by its name.
function limits.too_small(q, list)
    for i = 1, #list, 2 do
        local entry, weight = limits.know(q, list[i]), list[i + 1]
        if weight > 1 then --@ push-heavy
            local base, name = limits.base(q, entry.key, entry.own, entry.of_class)
            local is_over = base and (base.most and base.most > 0 and weight > base.most
                or base.most_at_once and weight > base.most_at_once)
            if is_over then return name end
        end
    end
    return nil
end

-- A job is going to wait for a key at this place.
function limits.expect_waiter(q, entry, id, at)
    local number, head = tonumber(at), head_of(q, entry)
    if not head or number < head.at or number == head.at and is_behind(head.id, id) then
        entry.head = { id = id, at = number }
    end
    entry.opens, entry.touched = entry.opens or 0, true
end

-- Whether a job of the line may take its keys at its turn: all of them, then the first that has no capacity and the weight,
-- if there is one; the job is then expected to wait for it. Nothing is written.
function limits.judge(q, job, at)
    local list = limits.note_keys(q, job)
    if job.lw then limits.leave_wait(q, job, 'queued') end
    if q.limited == 0 then return list end
    limits.load(q)
    local entry, weight = limits.obstacle(q, job.id, list, tonumber(at))
    if entry then limits.expect_waiter(q, entry, job.id, at) end
    return list, entry, weight
end

-- A job of the line at its turn: takes all its keys, or moves out of the line to wait for the first that has no capacity, and
-- then says so.
function limits.admit(q, job, at)
    local list, entry, weight = limits.judge(q, job, at)
    if entry then
        -- Where no job is blocked such an entry means nothing, so it may stand before the job does.
        call('ZADD', q.keys.waiters .. entry.key, at, job.id) --@ waiter-added
        enter(q, job.id, 'blocked', at)
        write(q, 'HSET', q.keys.job .. job.id, 'lw', weight .. ' ' .. entry.key) --@ blocked-names
        drop(q, job.id, 'queued')
        if q.log then events.tell(q, 'blocked', job.id, 'blocked', nil, nil, entry.key) end --@ blocked-told
        return entry.key
    end
    limits.take(q, list)
    if job.lw then call('HDEL', q.keys.job .. job.id, 'lw') end --@ claim-unnamed
    if job.implicit then
        job.lh = claims_of(job.k) + 1 .. '\n' .. job.implicit --@ implicit-held
        call('HSET', q.keys.job .. job.id, 'lh', job.lh)
    end
    return nil
end

-- A job that waited for a key leaves the line or `blocked`.
function limits.leave_wait(q, job, index)
    local weight, key = limits.wait_of(job)
    if not weight then return end
    local entry = limits.know(q, key)
    if index == 'queued' then
        limits.load(q)
        limits.stand(entry, -weight)
    elseif index == 'blocked' then
        write(q, 'ZREM', q.keys.waiters .. key, job.id) --@ waiter-left
    else
        return
    end
    entry.touched = true --@ wait-touched
end

-- A waiter gets another place.
function limits.move_waiter(q, job, at)
    local _, key = limits.wait_of(job)
    if not key then return end
    write(q, 'ZADD', q.keys.waiters .. key, at, job.id) --@ waiter-moved
    limits.know(q, key).touched = true
end

-- Who of the waiters of a key fits now, from the first on, at most `most`: ids and places, which count as standing from now on;
-- then all that leave `waits:<key>`, and the first that stays, if any. Nothing is written.
function limits.fitting(q, entry, most)
    local waiters, from, fits, gone, stays = q.keys.waiters .. entry.key, 0, {}, {}, nil
    repeat
        local page = call('ZRANGE', waiters, from, from + PAGE - 1, 'WITHSCORES')
        for i = 1, #page, 2 do
            local id, at = page[i], page[i + 1]
            local weight = limits.weight_of_waiter(q, id, entry.key)
            if weight then
                if not limits.has_capacity(q, entry.limit, entry.used, entry.next_start, weight, entry.standing)
                    or #fits >= 2 * most then --@ open-capacity
                    stays = { id = id, at = tonumber(at), weight = weight }
                    break
                end
                limits.stand(entry, weight)
                fits[#fits + 1], fits[#fits + 2] = id, at
            end
            gone[#gone + 1] = id
        end
        from = from + PAGE
    until stays or #page < 2 * PAGE
    return fits, gone, stays
end

-- Brings waiters of a key into line, from the first on, while there is capacity; at most `most`. Says how many there were, and
-- who is the first that stays: its weight, or nothing.
local function open(q, entry, most)
    local fits, gone, stays = limits.fitting(q, entry, most)
    for i = 1, #fits, 2 do
        enter(q, fits[i], 'queued', fits[i + 1])
        drop(q, fits[i], 'blocked')
        if q.log then events.tell(q, 'unblocked', fits[i], 'queued', nil, nil, entry.key) end --@ unblocked-told
    end
    commit(q)
    in_chunks('ZREM', q.keys.waiters .. entry.key, gone)
    return #fits / 2, stays and stays.weight
end

-- When a key opens by time: for who waits first, with what stands in line before it.
local function note_opening(q, entry, weight)
    entry.head = nil
    if not weight then
        entry.opens = nil
        return call('ZREM', q.keys.opens, entry.key) --@ opens-removed
    end
    local at = limits.opening(q, entry.limit, entry.used, entry.next_start, weight, entry.standing)
    if at == entry.opens then return end
    entry.opens = at
    if at < huge then q.opening_noted = lower(q.opening_noted, at) end
    call('ZADD', q.keys.opens, at == huge and '+inf' or format('%.0f', at), entry.key) --@ opens-noted
end

-- Brings into line who fits now by the keys that were touched, and notes when they open. Says how many jobs there were. What
-- changed of the keys is still to be written.
function limits.reopen(q)
    local known, opened = q.known, 0
    if q.limited == 0 then return 0 end
    limits.load(q)
    for i = 1, #known do
        local entry = known[i]
        if entry.touched and entry.opens then --@ reopen-touched
            local many, stays = open(q, entry, MOST_OPENED - opened)
            opened = opened + many
            note_opening(q, entry, stays)
        end
        entry.touched = nil
    end
    return opened
end

-- What `reopen` would bring into line, without a write: ids and places. The call goes on as if they were there.
function limits.would_open(q)
    local known, line = q.known or {}, {}
    limits.load(q)
    for i = 1, #known do
        local entry = known[i]
        if entry.touched and entry.opens then
            local fits, _, stays = limits.fitting(q, entry, MOST_OPENED - #line / 2)
            for k = 1, #fits do line[#line + 1] = fits[k] end
            entry.head, entry.opens = stays or false, stays and entry.opens --@ would-stay
        end
        entry.touched = nil
    end
    return line
end

-- Keys whose time has come are touched; says how many, and whether there may be more.
function limits.touch_due(q)
    local due = call('ZRANGE', q.keys.opens, '-inf', q.stamp, 'BYSCORE', 'LIMIT', '0', DUE_KEYS) --@ opens-due
    for i = 1, #due do limits.know(q, due[i]).touched = true end
    local goes_on = #due == DUE_KEYS
    if goes_on then q.opening_noted = 0 end --@ due-goes-on
    return #due, goes_on
end

-- How long until the next key opens by time: ms, or -1 where none does.
function limits.next_opening(q)
    local head = call('ZRANGE', q.keys.opens, '0', '0', 'WITHSCORES')
    local at = tonumber(head[2] or '')
    return at and at < huge and max(0, at - q.now) or -1 --@ opening-next
end

-- Wakes one worker when this call noted the next opening of all, so that it waits for the right moment.
function limits.wake_for_opening(q)
    local noted = q.opening_noted
    if not noted then return end
    local wait = limits.next_opening(q)
    if wait >= 0 and q.now + wait >= noted then wake(q, 1) end --@ opening-alarm
end

-- Ends a call that knows keys.
function limits.finish(q)
    local opened = limits.reopen(q)
    limits.write(q)
    limits.wake_for_opening(q)
    return opened
end

-- Makes keys of changed classes due, for the next claims and sweeps: those of a part of `opens`. `rest` is where that part
-- begins and which classes they are; what is left then stands in `meta`, for the next sweep. Says whether anything is.
local MOST_OF_CLASS = 10000
function limits.touch_classes(q, rest)
    local cursor, classes = match(rest, '^(%d+)( .+)$')
    local page, due = call('ZSCAN', q.keys.opens, cursor, 'COUNT', MOST_OF_CLASS), {}
    local keys = page[2]
    for i = 1, #keys, 2 do
        if find(classes .. ' ', ' ' .. limits.class_of(keys[i]) .. ' ', 1, true) then
            due[#due + 1], due[#due + 2] = '0', keys[i]
        end
    end
    in_chunks('ZADD', q.keys.opens, due) --@ class-due
    if due[1] then q.opening_noted = 0 end
    if page[1] == '0' then
        call('HDEL', q.keys.meta, 'changed_classes')
        return false
    end
    call('HSET', q.keys.meta, 'changed_classes', page[1] .. classes) --@ class-rest
    return true
end

-- A limit was set, changed or removed, and `meta` and the plan say so already: who fits now comes into line.
function limits.changed(q, name)
    if name == limits.class_of(name) then
        -- Those of classes that changed before and are not all due yet are looked at once more.
        local before = match(call('HGET', q.keys.meta, 'changed_classes') or '', '^%d+( .+)$') or ''
        if not find(before .. ' ', ' ' .. name .. ' ', 1, true) then before = before .. ' ' .. name end
        limits.touch_classes(q, '0' .. before)
        limits.touch_due(q)
    else
        limits.know(q, name).touched = true --@ changed-touched
    end
    if q.known then wake(q, limits.finish(q)) end
end

-- A page of the keys that jobs wait for, for sweeps: whatever went wrong before, a key with capacity is found.
function limits.touch_page(q, cursor)
    local page = call('ZSCAN', q.keys.opens, cursor or '0', 'COUNT', DUE_KEYS)
    for i = 1, #page[2], 2 do limits.know(q, page[2][i]).touched = true end
    call('HSET', q.keys.meta, 'opens_cursor', page[1])
    local old = call('ZRANGE', q.keys.rates, '-inf', q.stamp, 'BYSCORE', 'LIMIT', 0, MOST_OPENED)
    if old[1] then call('ZREM', q.keys.rates, unpack(old)) end --@ rates-old
end
