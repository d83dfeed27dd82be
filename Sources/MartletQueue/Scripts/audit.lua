-- Checks that every fact stands once and all agree; reads only, a page at a time.
--
-- needs: runtime values locate homes
-- args: `ledger` → `ok`, created, deleted, sum of the indexes, repaired, tombstones, tombstone digests, groups of errors in
--       the index, and those that are described
--     | `index`, name, cursor, how many → `ok`, next cursor, entries seen, then for each finding {id, what}
--     | `jobs`, ids… → `ok`, then for each finding {id, what}: hashes that no index holds
--     | `unique`, cursor → `ok`, next cursor, entries seen, findings
local function found(findings, id, what) findings[#findings + 1] = { id, what } end

local function check_place(q, findings, job, index, place)
    local t = index == 'queued' and place + priority_of(job.r) * q.step or place
    if not is_time(q, t) then
        found(findings, job.id, index == 'queued' and 'score does not fit its priority' or 'score is no time')
    end
    if (index == 'active' or index == 'paused') and not whole_place(job.at) then
        found(findings, job.id, 'no place in line')
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

functions.audit = of_queue(by_verb(audits))
