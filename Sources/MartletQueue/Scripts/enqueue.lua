#!lua
-- Pushes jobs. All or nothing with mode `atomic`, each judged by itself with `each`.
--
-- ARGV: mode, then runs of jobs: terms, type, and for each job of the run: id, payload, and n further words of its hash.
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
--@ names prelude wake
if REFUSED then return REFUSED end

local is_atomic, level = ARGV[1] == 'atomic', 0
if not is_atomic and ARGV[1] ~= 'each' then
    local word, asked = match(ARGV[1], '^(%a+) ([012])$')
    if not word then return redis.error_reply('BADARG mode') end
    is_atomic, level = word == 'atomic', tonumber(asked)
    local wanted = tonumber(call('HGET', META, 'durability')) or 0
    if wanted > level then return { 'durable', wanted } end
end

-- What is asked for, read once: ids, keys, types, where in ARGV each payload stands, and the terms of those that have any.
-- Almost every push is of new jobs with all defaults and ids of our own making, which rise; for these this pass is all.
local ids, keys, kinds, from, special, line, n = {}, {}, {}, {}, {}, {}, 0
-- Whether Lua compares texts by their bytes, as Redis does; see `order`.
local in_bytes, is_above = 'Z' < 'a', nil
if not in_bytes then
    local function ordering()
        --@ order
        return is_behind
    end
    is_above = ordering()
end
-- The place of a push of common jobs: now. Where that was given out already, it is shared if these ids stand behind those
-- that have it, else it is the next one.
local place, is_fraction = stamp, false
if clock >= now then
    local first, before = ARGV[4] or '', sub(meta[2], 15)
    -- Most often it is the very ms, and cheaper to cut out than to match.
    if clock > now or byte(meta[2], 14) ~= 32 then place, before = match(meta[2], '^(%S+) ?(.*)$') end
    if before == '' or not (in_bytes and first > before or is_above and is_above(first, before)) then
        place, is_fraction = format('%.17g', (floor(tonumber(place) * 2048) + 1) / 2048), true
    end
end
local is_common, last = true, ''
local i, words = 2, #ARGV
while i < words do
    local terms, kind = ARGV[i], ARGV[i + 1]
    local many = tonumber(terms)
    i = i + 2
    if many and many >= 1 then
        for k = i, i + 2 * many - 2, 2 do
            local id = ARGV[k]
            n = n + 1
            ids[n], keys[n], kinds[n], from[n] = id, JOB .. id, kind, k + 1
            line[2 * n - 1], line[2 * n] = place, id
            local rises = in_bytes and id > last or is_above and is_above(id, last)
            if not (rises and #id <= 128 and find(id, '^%w+$')) then is_common = false end
            last = id
        end
        i = i + 2 * many
    else
        local priority, delay, more = match(terms, '^(.*) (%S*) (%d+)$')
        if not more then return redis.error_reply('BADARG terms') end
        local id = ARGV[i]
        local job = { priority = whole(priority, -1000, 1000), wait = delay, delay = 0, last = i + 1 + more }
        for k = i + 2, job.last, 2 do job[ARGV[k]] = ARGV[k + 1] end
        n = n + 1
        ids[n], keys[n], kinds[n], from[n], special[n] = id, JOB .. id, kind, i + 1, job
        is_common = false
        i = job.last + 1
    end
end

-- The common push meets none of its ids: one look for all of them.
local crowded = n > 0 and n <= CHUNK and call('EXISTS', unpack(keys)) > 0
if n > CHUNK then
    for j = 1, n, CHUNK do crowded = crowded or call('EXISTS', unpack(keys, j, min(j + CHUNK - 1, n))) > 0 end
end

local results, born, ready, later, scheduled, earliest = { 0 }, nil, n, nil, 0, nil
-- What a push of common jobs does without; `turn` says why it stands in functions. First what judges a job, then places
-- and due times where more is needed than now, behind the last place that was given out.
local judge, rare, judging, placing
if crowded or not is_common or is_fraction then
    function judging()
        --@ names values locate
        local function existing(id, digest)
            local stored = look('HMGET', JOB .. id, 'd', 't', 'k')
            if stored[2] then
                -- An id of our own making, without a digest, meets only itself.
                if stored[1] ~= (digest or false) then return { 'conflict' } end
                return { 'exists', locate(id, stored[3]) or 'queued' }
            end
            if call('EXISTS', JOB .. id) == 1 then return { 'conflict' } end
            local buried = digest and call('HGET', TOMBS, id)
            if not buried then return nil end
            return buried == digest and { 'deleted' } or { 'conflict' }
        end

        local taken = {}
        local function refusal(id, job)
            if not job.priority then return { 'invalid', 'priority' } end
            if not job.delay then return { 'invalid', byte(job.wait) == 64 and 'run_at' or 'delay' } end
            local found = existing(id, job.d)
            if found then return found end
            local holder = job.u and (taken[job.u] or call('HGET', UNIQUE, job.u))
            if holder then return { 'unique', holder } end
            if job.u then taken[job.u] = id end
            return nil
        end
        return { existing = existing, refusal = refusal }
    end

    function placing(last_place)
        --@ names values order places dues due alarm
        latest = last_place
        -- A short line is a list in Redis, which reads all of it for each entry that is added, and fractions are slow to
        -- read. One long entry makes a tree of it, also when that entry has gone again. No job's id has this character.
        local function widen()
            if call('ZCARD', QUEUED) < 16 or call('OBJECT', 'ENCODING', QUEUED) ~= 'listpack' then return end
            local long = string.rep('!', 65)
            call('ZADD', QUEUED, now, long)
            call('ZREM', QUEUED, long)
        end
        return {
            spacing = spacing, next_place = next_place, due_at = due_at, wait_of = wait_of, in_chunks = in_chunks,
            wake_for_due = wake_for_due, widen = widen,
        }
    end
end

if crowded or not is_common then
    local seen = {}
    -- The last place that was given out, and the one that the next job shares where its id stands behind the one that has
    -- it, as Redis orders both then, and where scores of its priority can tell that place.
    local last_place, before = tonumber(match(meta[2] or '', '^%S+')) or 0, match(meta[2] or '', ' (.+)$')
    local shared = last_place
    if last_place < now then before = nil end
    born, line, ready, later = {}, {}, 0, {}
    for j = 1, n do
        local id, job = ids[j], special[j]
        local digest = job and job.d or ''
        local no
        if #id > 128 or not find(id, '^[%w._:-]+$') or not find(id, '[^.]') then
            no = { 'invalid', 'id' }
        elseif seen[id] then
            -- Named before in this call.
            local twin = special[seen[id]] or {}
            no = (twin.d or '') == digest and { 'exists', (twin.delay or 0) > 0 and 'scheduled' or 'queued' } or { 'conflict' }
        elseif job then
            if job.wait ~= '0' then
                rare = rare or placing(last_place)
                job.delay = rare.wait_of(job.wait)
            end
            judge = judge or judging()
            no = judge.refusal(id, job)
        elseif crowded then
            judge = judge or judging()
            no = judge.existing(id, nil)
        end
        if no then
            if is_atomic and no[1] ~= 'exists' and no[1] ~= 'deleted' then return { 'refused', j, no[1], no[2] or '' } end
            results[#results + 1], results[#results + 2] = j, no
        else
            seen[id] = j
            born[#born + 1] = j
            if job and job.delay > 0 then
                scheduled = scheduled + 1
                earliest = min(earliest or math.huge, now + job.delay)
                later[2 * scheduled - 1], later[2 * scheduled] = rare.due_at(now + job.delay, id), id
                results[#results + 1], results[#results + 2] = j, { 'scheduled' }
            else
                local priority = job and job.priority or 0
                local fits = before and (in_bytes and id > before or is_above and is_above(id, before))
                if fits and shared % 1 ~= 0 then
                    rare = rare or placing(last_place)
                    fits = shared % rare.spacing(priority) == 0
                end
                if not fits and last_place < now and not rare then
                    shared, last_place = now, now
                elseif not fits then
                    rare = rare or placing(last_place)
                    shared = rare.next_place(priority)
                    last_place = max(last_place, shared)
                end
                before = id
                ready = ready + 1
                line[2 * ready - 1] = priority == 0 and shared == now and stamp or shared - priority * step
                line[2 * ready] = id
            end
        end
    end
    last = shared == last_place and before or nil
    is_fraction = ready > 0 and shared % 1 ~= 0
    place = last_place == now and stamp or format('%.17g', last_place)
end
if ready + scheduled == 0 then
    if level > 0 then call('HSET', META, 'confirmed_at', stamp) end
    return results
end

-- Counted first, then placed, then written: a run cut short leaves an entry or a count too many, never a hidden job.
results[1] = call('HINCRBY', META, 'created', ready + scheduled == 1 and '1' or ready + scheduled)
if ready > 0 then
    -- With the id that has it, so that the next push can share it; a long one would unfold the hash of `meta`.
    if last and #last <= 40 then place = place .. ' ' .. last end
    call('HSET', META, 'clock', place)
    if is_fraction then
        rare = rare or placing(0)
        rare.widen()
    end
    if 2 * ready <= CHUNK then
        call('ZADD', QUEUED, unpack(line))
    else
        for k = 1, 2 * ready, CHUNK do call('ZADD', QUEUED, unpack(line, k, min(k + CHUNK - 1, 2 * ready))) end
    end
end
if scheduled > 0 then rare.in_chunks('ZADD', DELAYED, later) end
for b = 1, ready + scheduled do
    local j = born and born[b] or b
    local at, job = from[j], special[j]
    if not job then
        call('HSET', keys[j], 't', kinds[j], 'p', ARGV[at])
    else
        if job.u then call('HSET', UNIQUE, job.u, ids[j]) end
        call('HSET', keys[j], 't', kinds[j], 'p', ARGV[at], unpack(ARGV, at + 1, job.last))
        -- Whose id does not tell when it was made keeps the moment.
        if job.d then call('HSET', keys[j], 'n', now) end
    end
end
wake(ready)
if earliest then rare.wake_for_due(earliest) end
return results
