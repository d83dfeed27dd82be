-- Pushes jobs. All or nothing with mode `atomic`, each judged by itself with `each`.
--
-- needs: runtime values order events places dues wake limits usage waiters locate
-- args: mode, then runs of jobs: terms, type, and for each job of the run: id, payload, and n further words of its hash.
-- The mode may have a number behind it, the level of durability that the caller will wait for (0 to 2). Then a queue that
-- asks for more answers {`durable`, its level} and nothing happens. From 1 on something is written whatever becomes of
-- the jobs, since Redis lets a connection wait only for what this connection wrote itself.
-- Terms: for jobs with all defaults how many there are, else `<priority> <delay ms> <n>` of one job, or with `@<due ms>` for
-- the delay; the further words are field and value pairs, with `d` for a digest and `u` for a unique key.
-- Jobs run in the order in which they stand here: where their ids rise they share a place in line, else each has its own.
-- Answer: how many jobs the queue ever created, or 0 when none was born; then position (from 1) and {verdict, detail} of
-- each job that was not simply put in line; in atomic mode `refused`, index from 1, verdict, detail when one of them cannot be.
-- Cost for a batch: 8 commands, two of them with a share for each job; for each job one HSET, O(log n) in the index.
-- A job with a digest costs HMGET, HGET and a second HSET more, one with a unique key HGET and HSET.

-- A place with the id that has it, so that the next push can share it; a long one would unfold the hash of `meta`.
local LONGEST_REMEMBERED = 40

-- The mode, and the level that the caller waits for; a third word is an answer to give instead.
local function mode_of(q, text)
    if text == 'each' or text == 'atomic' then return text == 'atomic', 0 end
    local word, asked = match(text, '^(%a+) ([012])$')
    if not word then return nil, 0, error_reply('BADARG mode') end
    local level, wanted = tonumber(asked), tonumber(call('HGET', q.keys.meta, 'durability')) or 0
    return word == 'atomic', level, wanted > level and { 'durable', wanted } or nil
end

-- The place of a push of common jobs: now. Where that was given out already, it is shared if these ids stand behind those
-- that have it, else it is the next one.
local function first_place(q, first)
    if q.clock < q.now then return q.stamp, false end --@ push-clock
    local place, before = q.stamp, sub(q.last_place, 15)
    -- Most often it is the very ms, and cheaper to cut out than to match.
    if q.clock > q.now or byte(q.last_place, 14) ~= 32 then place, before = match(q.last_place, '^(%S+) ?(.*)$') end
    if before ~= '' and is_behind(first, before) then return place, false end --@ push-shares
    return format('%.17g', (floor(tonumber(place) * 2048) + 1) / 2048), true --@ push-next
end

-- One job with terms of its own: which word is the first behind it.
local function read_special(push, args, i)
    local terms, kind, id = args[i], args[i + 1], args[i + 2]
    local priority, delay, more = match(terms, '^(.*) (%S*) (%d+)$')
    if not more then return nil end
    local job = {
        priority = whole(priority, LEAST_PRIORITY, MOST_PRIORITY), wait = delay, delay = 0, last = i + 3 + more, --@ push-priority
    }
    for k = i + 4, job.last, 2 do job[args[k]] = args[k + 1] end
    local n = push.n + 1
    push.n, push.is_common = n, false
    push.ids[n], push.keys[n], push.kinds[n], push.from[n], push.special[n] = id, push.prefix .. id, kind, i + 3, job
    return job.last + 1
end

-- A run of jobs with all defaults: which word is the first behind it. Almost every push is of such jobs, with ids of our
-- own making, which rise; for these this pass is all.
local function read_run(push, args, i, many, place)
    local kind, prefix, n, last, is_common = args[i + 1], push.prefix, push.n, push.last, push.is_common
    local ids, keys, kinds, from, line = push.ids, push.keys, push.kinds, push.from, push.line
    -- Whether Lua compares texts by their bytes, as Redis does; see `order`.
    local in_bytes = 'Z' < 'a'
    for k = i + 2, i + 2 * many, 2 do
        local id = args[k]
        n = n + 1
        ids[n], keys[n], kinds[n], from[n] = id, prefix .. id, kind, k + 1
        line[2 * n - 1], line[2 * n] = place, id
        local rises = in_bytes and id > last or not in_bytes and is_behind(id, last)
        if not (rises and #id <= 128 and find(id, '^%w+$')) then is_common = false end
        last = id
    end
    push.n, push.last, push.is_common = n, last, is_common
    return i + 2 + 2 * many
end

-- What is asked for, read once: ids, keys, types, where in args each payload stands, and the terms of those that have any.
local function read_push(q, args)
    local place, is_fraction = first_place(q, args[4] or '')
    local push = {
        ids = {}, keys = {}, kinds = {}, from = {}, special = {}, line = {}, n = 0, prefix = q.keys.job, is_common = true,
        last = '', place = place, is_fraction = is_fraction, blocked = 0,
    }
    local i, words = 2, #args
    while i and i < words do
        local many = tonumber(args[i])
        if many and many >= 1 then i = read_run(push, args, i, many, place) else i = read_special(push, args, i) end
    end
    return i and push
end

-- Whether any of the ids is known already. The common push meets none of them: one look for all.
local function is_crowded(push)
    local keys, n = push.keys, push.n
    if n <= CHUNK then return n > 0 and call('EXISTS', unpack(keys)) > 0 end
    local crowded = false
    for j = 1, n, CHUNK do crowded = crowded or call('EXISTS', unpack(keys, j, min(j + CHUNK - 1, n))) > 0 end
    return crowded
end

local KNOWN = { 'd', 't', 'k' }
-- What became of a job of this id that came before, or nothing.
local function existing(q, id, digest)
    local stored = read_job(q, id, KNOWN) --@ push-look
    if stored.t then
        -- An id of our own making, without a digest, meets only itself.
        if stored.d ~= digest then return { 'conflict' } end --@ push-digest
        return { 'exists', locate(q, id, stored.k) or 'queued' }
    end
    if call('EXISTS', q.keys.job .. id) == 1 then return { 'conflict' } end
    local digest_of_deleted = digest and call('HGET', q.keys.tombstone_digests, id)
    if not digest_of_deleted then return nil end
    return digest_of_deleted == digest and { 'deleted' } or { 'conflict' } --@ push-tombstone
end

-- Why a job with terms cannot be taken, or nothing.
local function refusal_of(q, push, id, job)
    if not job.priority then return { 'invalid', 'priority' } end
    if not job.delay then return { 'invalid', byte(job.wait) == 64 and 'run_at' or 'delay' } end
    local found = existing(q, id, job.d)
    if found then return found end
    local limit = job.list and limits.too_small(q, job.list)
    if limit then return { 'heavy', limit } end
    local holder = job.u and (push.taken[job.u] or call('HGET', q.keys.unique, job.u))
    if holder then return { 'unique', holder } end --@ push-unique
    if job.u then push.taken[job.u] = id end --@ push-taken
    return nil
end

-- Why the job at this position cannot be born, or nothing.
local function verdict_on(q, push, j, crowded)
    local id, job = push.ids[j], push.special[j]
    if #id > 128 or not find(id, '^[%w._:-]+$') or not find(id, '[^.]') then return { 'invalid', 'id' } end --@ push-id
    if push.seen[id] then
        -- Named before in this call.
        local twin = push.special[push.seen[id]] or {}
        if (twin.d or '') ~= (job and job.d or '') then return { 'conflict' } end
        if push.kept and push.kept[push.seen[id]] then return { 'exists', 'blocked' } end
        return { 'exists', (twin.delay or 0) > 0 and 'scheduled' or 'queued' }
    end
    if job then
        if job.wait ~= '0' then job.delay = wait_of(q, job.wait) end
        return refusal_of(q, push, id, job)
    end
    return crowded and existing(q, id, nil) or nil
end

-- Puts a job in line, behind those before it; it shares the place of the last one where its id stands behind the one that
-- has it, as Redis orders both then, and where scores of its priority can tell that place.
local function stand_in_line(q, push, id, priority)
    local fits = push.before and is_behind(id, push.before) --@ line-behind
    if fits and push.shared % 1 ~= 0 then
        fits = push.shared % spacing(q, priority) == 0 --@ line-spacing
    end
    if not fits then
        push.shared = next_place(q, priority)
    end
    push.before = id
    local ready, shared = push.ready + 1, push.shared
    push.ready = ready
    push.line[2 * ready - 1] = priority == 0 and shared == q.now and q.stamp or shared - priority * q.step --@ line-score
    push.line[2 * ready] = id
end

-- A job that waits for its time.
local function schedule(q, push, id, delay)
    local due = q.now + delay
    push.scheduled = push.scheduled + 1
    push.earliest = min(push.earliest or huge, due)
    push.later[2 * push.scheduled - 1], push.later[2 * push.scheduled] = due_at(q, due, id), id
end

-- What is stored of the limit keys of all jobs of a push, read at once.
local function read_keys(q, push)
    push.kept, push.lists = {}, {}
    for j = 1, push.n do
        local job = push.special[j] or {}
        local list = limits.note_keys(q, { t = push.kinds[j], y = job.y, lk = job.lk })
        push.lists[j], job.list = list, list
    end
    limits.load(q)
end

-- Takes a job that was just put in line out of it again where one of its keys has no capacity: it waits for that key.
local function block(q, push, j, id)
    local last = 2 * push.ready
    local at = push.line[last - 1]
    local entry, weight = limits.obstacle(q, id, push.lists[j], tonumber(at))
    if not entry then return false end
    at = type(at) == 'number' and digits(at) or at
    push.line[last], push.line[last - 1] = nil, nil
    push.ready, push.blocked = push.ready - 1, push.blocked + 1
    push.kept[j] = { entry = entry, weight = weight, at = at }
    limits.expect_waiter(q, entry, id, at)
    return true
end

-- Judges each job by itself; answers at once where an atomic push cannot be.
local function judge(q, push, is_atomic, crowded, results)
    push.before = match(q.last_place, ' (.+)$')
    push.shared = latest_of(q)
    if push.shared < q.now then push.before = nil end
    push.born, push.line, push.later, push.ready, push.scheduled = {}, {}, {}, 0, 0
    if q.limited > 0 then read_keys(q, push) end
    push.seen, push.taken = {}, {}
    for j = 1, push.n do
        local id, job = push.ids[j], push.special[j]
        local no = verdict_on(q, push, j, crowded)
        if no then
            local is_there = no[1] == 'exists' or no[1] == 'deleted'
            if is_atomic and not is_there then return { 'refused', j, no[1], no[2] or '' } end --@ push-atomic
            results[#results + 1], results[#results + 2] = j, no
        else
            push.seen[id] = j
            push.born[#push.born + 1] = j
            if job and job.delay > 0 then --@ push-delay
                schedule(q, push, id, job.delay)
                results[#results + 1], results[#results + 2] = j, { 'scheduled' }
            else
                stand_in_line(q, push, id, job and job.priority or 0)
                if q.limited > 0 and block(q, push, j, id) then --@ push-blocks
                    results[#results + 1], results[#results + 2] = j, { 'blocked' }
                end
            end
        end
    end
    local last_place = latest_of(q)
    push.last = push.shared == last_place and push.before or nil --@ push-last
    push.is_fraction = push.ready + push.blocked > 0 and push.shared % 1 ~= 0
    push.place = last_place == q.now and q.stamp or format('%.17g', last_place)
    return nil
end

-- A short line is a list in Redis, which reads all of it for each entry that is added, and fractions are slow to read.
-- One long entry makes a tree of it, also when that entry has gone again. No job's id has this character.
local function widen(q)
    local queued = q.keys.queued
    if call('ZCARD', queued) < 16 or call('OBJECT', 'ENCODING', queued) ~= 'listpack' then return end
    local long = rep('!', 65)
    call('ZADD', queued, q.now, long)
    call('ZREM', queued, long)
end

local function place_in_line(q, push)
    local place, last, line, words = push.place, push.last, push.line, 2 * push.ready
    if last and #last <= LONGEST_REMEMBERED then place = place .. ' ' .. last end
    call('HSET', q.keys.meta, 'clock', place) --@ push-place
    if words == 0 then return end
    if push.is_fraction then widen(q) end
    if words <= CHUNK then return call('ZADD', q.keys.queued, unpack(line)) end
    for k = 1, words, CHUNK do call('ZADD', q.keys.queued, unpack(line, k, min(k + CHUNK - 1, words))) end
end

local function write_hashes(q, push, args)
    local keys, kinds, from, special, born = push.keys, push.kinds, push.from, push.special, push.born
    for b = 1, push.ready + push.scheduled + push.blocked do
        local j = born and born[b] or b
        local at, job = from[j], special[j]
        if not job then
            call('HSET', keys[j], 't', kinds[j], 'p', args[at])
        else
            if job.u then call('HSET', q.keys.unique, job.u, push.ids[j]) end
            call('HSET', keys[j], 't', kinds[j], 'p', args[at], unpack(args, at + 1, job.last)) --@ push-extras
            -- Whose id does not tell when it was made keeps the moment.
            if job.d then call('HSET', keys[j], 'n', q.now) end
        end
    end
end

-- What listeners hear of the jobs that were born.
local function announce(q, push)
    local born, special = push.born, push.special
    for b = 1, push.ready + push.scheduled + push.blocked do
        local j = born and born[b] or b
        local waits = special[j] and special[j].delay > 0 --@ push-told
        events.note(q, (waits and 'scheduled ' or 'pushed ') .. push.kinds[j], push.ids[j])
        local kept = push.kept and push.kept[j]
        if kept then --@ push-blocked-told
            events.tell(q, 'blocked', push.ids[j], 'blocked', nil, nil, kept.entry.key)
        end
    end
end

-- Jobs that wait for a limit: among the waiters of its key before they stand in `blocked`.
local function place_blocked(q, push)
    local entries = {}
    for j, kept in next, push.kept do
        local id = push.ids[j]
        call('ZADD', q.keys.waiters .. kept.entry.key, kept.at, id) --@ push-waits
        entries[#entries + 1], entries[#entries + 2] = kept.at, id
    end
    in_chunks('ZADD', q.keys.blocked, entries) --@ push-placed
    for j, kept in next, push.kept do
        call('HSET', push.keys[j], 'lw', kept.weight .. ' ' .. kept.entry.key) --@ push-names
    end
end

local function enqueue(q, args)
    local is_atomic, level, answer = mode_of(q, args[1])
    if answer then return answer end
    local push = read_push(q, args)
    if not push then return error_reply('BADARG terms') end
    local results, crowded = { 0 }, is_crowded(push)
    push.ready, push.scheduled = push.n, 0
    if crowded or not push.is_common or q.limited % 4 > 1 then --@ push-implicit
        local refused = judge(q, push, is_atomic, crowded, results)
        if refused then return refused end
    end
    local born = push.ready + push.scheduled + push.blocked
    if born == 0 then
        if level > 0 then call('HSET', q.keys.meta, 'confirmed_at', q.stamp) end
        return results
    end
    -- Counted first, then placed, then written: a run cut short leaves an entry or a count too many, never a hidden job.
    results[1] = call('HINCRBY', q.keys.meta, 'created', born == 1 and '1' or born) --@ push-counted
    if push.ready + push.blocked > 0 then place_in_line(q, push) end
    if push.blocked > 0 then place_blocked(q, push) end
    if push.scheduled > 0 then in_chunks('ZADD', q.keys.delayed, push.later) end
    write_hashes(q, push, args)
    if q.log then announce(q, push) end --@ push-announced
    local ready = push.ready
    if q.known then ready = ready + limits.finish(q) end --@ push-finished
    wake(q, ready) --@ push-wakes
    wake_for_due(q, push.earliest) --@ push-alarm
    return results
end

functions.enqueue = of_queue(enqueue)
