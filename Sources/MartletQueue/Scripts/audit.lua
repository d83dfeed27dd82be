-- Checks that every fact stands once and all agree; reads only, a page at a time.
--
-- needs: runtime values limits holds usage locate homes
-- args: `ledger` → `ok`, created, deleted, sum of the indexes, repaired, tombstones, tombstone digests, groups of errors in
--       the index, and those that are described
--     | `index`, name, cursor, how many → `ok`, next cursor, entries seen, then for each finding {id, what}
--     | `jobs`, ids… → `ok`, then for each finding {id, what}: hashes that no index holds
--     | `unique`, cursor → `ok`, next cursor, entries seen, findings
--     | `limits` → `ok`, how many keys were seen, then for each finding {key, what}: of the weights of the keys, and of keys that
--       jobs wait for. Sums over more than 10 000 jobs and what stands behind 10 000 keys are left out
--     | `waiters`, keys… → `ok`, then for each finding {key, what}: of what stands among the waiters of these keys
local function found(findings, id, what) findings[#findings + 1] = { id, what } end

local function check_place(q, findings, job, index, place)
    local t = is_line(index) and place + priority_of(job.r) * q.step or place
    if not is_time(q, t) then
        found(findings, job.id, is_line(index) and 'score does not fit its priority' or 'score is no time')
    end
    if (index == 'active' or index == 'paused') and not whole_place(job.at) then
        found(findings, job.id, 'no place in line')
    end
end

-- A blocked job stands among the waiters of the key that it names; in line the name is of the key that it waited for.
local function check_wait(q, findings, job, index, place)
    local _, key = limits.wait_of(job)
    if index == 'blocked' and not key then return found(findings, job.id, 'blocked, and waits for no limit') end
    if not is_line(index) and job.lw then return found(findings, job.id, 'names a limit for which it does not wait') end
    if index == 'blocked' and tonumber(call('ZSCORE', q.keys.waiters .. key, job.id) or '') ~= place then
        found(findings, job.id, 'does not stand at its place among the waiters of its limit')
    end
end

local function check_token(findings, job, index)
    local id, is_active = job.id, index == 'active'
    if is_active ~= (live(job.k) or false) then found(findings, id, 'token does not fit the state') end
    if job.w and not is_active then found(findings, id, 'a stop is wanted of a job that does not run') end
    if is_active and hides_more(job) then found(findings, id, 'its token hides that its end has more to look at') end
end

local function check(q, findings, id, index, place)
    local job = read_job(q, id, AUDITED) --@ audit-look
    if not job.t and not job.p then return found(findings, id, 'index entry without a job') end
    if (not job.t or not job.p) and job.e ~= 'corrupt' then found(findings, id, 'fields are missing') end
    if #homes(q, id) ~= 1 then found(findings, id, 'stands in more than one index') end
    check_token(findings, job, index)
    if job.r and not whole(job.r, LEAST_PRIORITY, MOST_PRIORITY) and job.e ~= 'corrupt' then
        found(findings, id, 'priority is no number')
    end
    if job.u and not IS_FINAL[index] and call('HGET', q.keys.unique, job.u) ~= id then
        found(findings, id, 'does not hold its unique key')
    end
    if call('TTL', q.keys.job .. id) ~= -1 then found(findings, id, 'may expire') end
    check_place(q, findings, job, index, place)
    check_wait(q, findings, job, index, place)
end

local audits = {}

function audits.ledger(q, _)
    local m = call('HMGET', q.keys.meta, 'created', 'deleted', 'repaired')
    local tombstones, digests = call('ZCARD', q.keys.tombstones), call('HLEN', q.keys.tombstone_digests)
    local named, known = call('ZCARD', q.keys.errors), call('HLEN', q.keys.error_groups)
    return {
        'ok', tonumber(m[1]) or 0, tonumber(m[2]) or 0, held_in_all(q), tonumber(m[3]) or 0, tombstones, digests,
        named, known,
    }
end

function audits.index(q, args)
    local index, findings = args[2], { 'ok' }
    if not IS_INDEX[index] then return error_reply('BADARG index') end
    local page = call('ZSCAN', q.keys[index], args[3], 'COUNT', args[4])
    findings[2], findings[3] = page[1], #page[2] / 2
    for i = 1, #page[2], 2 do check(q, findings, page[2][i], index, tonumber(page[2][i + 1])) end
    return findings
end

function audits.jobs(q, args)
    local findings = { 'ok' }
    for i = 2, #args do
        local kind = call('TYPE', q.keys.job .. args[i]).ok
        if kind ~= 'none' and #homes(q, args[i]) == 0 then
            found(findings, args[i], kind == 'hash' and 'job in no index' or 'its key is no job: ' .. kind)
        end
    end
    return findings
end

local HOLDER = { 'u', 'k' }

function audits.unique(q, args)
    local findings = { 'ok' }
    local page = call('HSCAN', q.keys.unique, args[2], 'COUNT', 200)
    findings[2], findings[3] = page[1], #page[2] / 2
    for i = 1, #page[2], 2 do
        local key, holder = page[2][i], page[2][i + 1]
        local job = read_job(q, holder, HOLDER)
        local _, index = locate(q, holder, job.k)
        if job.u ~= key then
            found(findings, key, 'unique key held by a job that does not name it')
        elseif not index or IS_FINAL[index] then
            found(findings, key, 'unique key held by a finished job')
        end
    end
    return findings
end

-- Where a hash of weights differs from what the jobs say.
local function check_weights(findings, stored, sums, what)
    if not sums then return end
    for i = 1, #stored, 2 do
        local key, weight = stored[i], tonumber(stored[i + 1])
        if weight ~= (sums[key] or 0) or weight == 0 then found(findings, key, what .. ' differs from the jobs') end
        sums[key] = nil
    end
    for key in next, sums do found(findings, key, what .. ' differs from the jobs') end
end

local HEAD_FIELDS = { 'lw' }
-- A key that jobs wait for has waiters, and no capacity for the first of them.
local function check_opening(q, findings, key, at)
    local head = call('ZRANGE', q.keys.waiters .. key, 0, 0)[1]
    if not head then return found(findings, key, 'nobody waits for it') end
    local entry, weight = limits.know(q, key), limits.wait_of(read_job(q, head, HEAD_FIELDS)) or 1
    local opens = limits.opening(q, entry.limit, entry.used, entry.next_start, weight, entry.standing)
    -- What an earlier rate has left is bounded by the next call that writes.
    if entry.has_started then return end
    -- When the clock goes back, the end of a pause or of an override comes once more; the next sweeps note it.
    if entry.limit and opens == entry.limit.changes_at then return end
    if opens < at and at > q.now then found(findings, key, 'it opens before what is noted') end
end

function audits.limits(q, _)
    local findings = { 'ok', 0 }
    local opens = call('ZRANGE', q.keys.opens, 0, MOST_SUMMED - 1, 'WITHSCORES')
    for i = 1, #opens, 2 do limits.know(q, opens[i]) end
    limits.load(q)
    for i = 1, #opens, 2 do check_opening(q, findings, opens[i], tonumber(opens[i + 1])) end
    local used, standing = call('HLEN', q.keys.usage), call('HLEN', q.keys.standing)
    if used <= MOST_SUMMED then
        check_weights(findings, call('HGETALL', q.keys.usage), limits.sum_usage(q), 'usage')
    end
    if standing <= MOST_SUMMED then
        check_weights(findings, call('HGETALL', q.keys.standing), limits.sum_standing(q), 'standing weight')
    end
    local held = call('HGETALL', q.keys.throttled)
    for i = 1, #held, 2 do
        local wrong = limits.wrong_hold(q, held[i + 1])
        if wrong then found(findings, held[i], wrong) end
    end
    findings[2] = #opens / 2 + used + standing + #held / 2
    return findings
end

function audits.waiters(q, args)
    local findings = { 'ok' }
    for i = 2, #args do
        local key = args[i]
        if not call('ZSCORE', q.keys.opens, key) then found(findings, key, 'jobs wait for it, and nothing says when it opens') end
        local ids = call('ZRANGE', q.keys.waiters .. key, 0, CHUNK - 1)
        for k = 1, #ids do
            if not limits.weight_of_waiter(q, ids[k], key) then
                found(findings, key, 'a job stands among its waiters that does not wait for it')
                break
            end
        end
    end
    return findings
end

functions.audit = of_queue(by_verb(audits))
