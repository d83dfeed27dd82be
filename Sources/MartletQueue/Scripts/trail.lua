-- The audit trail: what an operator's call did is written by that call, so that there is no change without its entry.
--
-- needs: runtime
-- A recorded call has three more arguments before its others: `recorded`, the approximate number of entries to keep, and
-- the author, JSON that the scripts do not parse. All other calls pass none of this.
-- An entry has `by` (the author), `did` (the verb) and `answer`; then for jobs the numbers `n:<verdict>` and `n:changed`, and
-- `jobs`, a line for each of the first: id, state before, state after, verdict, and `<value>:<before>><after>`, with blanks
-- between them and `-` for what there is not; for values of a queue `was:<name>` and `now:<name>`.
local trail = {}

-- How many jobs an entry names, how long a value in it may be, and for how many seconds the trail outlives its queue.
local MOST_NAMED, MOST_VALUE, KEPT_AFTER = 50, 512, 2592000

-- Takes off the arguments what is the trail's. A trail that cannot be written stops the call before it changes anything.
function trail.begin(q, key, args)
    if args[1] ~= 'recorded' then return args end
    local most = whole(args[2], 1, MOST_EXACT)
    if not most then return nil, error_reply('BADARG recorded') end
    local length = look('XLEN', key)
    if type(length) == 'table' then return nil, length end --@ trail-checked
    q.trail = { key = key, most = most, by = args[3], counts = {}, jobs = {}, values = {} }
    return { unpack(args, 4) }
end

-- A value of the queue before and after; one that there is not is nil or false.
function trail.value(q, name, before, after)
    local values = q.trail.values
    if before then values[#values + 1] = 'was:' .. name values[#values + 1] = sub(before, 1, MOST_VALUE) end
    if after then values[#values + 1] = 'now:' .. name values[#values + 1] = sub(after, 1, MOST_VALUE) end
end

function trail.count(q, verdict, by)
    local counts = q.trail.counts
    counts[verdict] = (counts[verdict] or 0) + by
end

-- What came of one job: {verdict, state, 1 where it was changed}.
function trail.job(q, id, result, before, change)
    trail.count(q, result[1], 1)
    if result[3] then trail.count(q, 'changed', 1) end --@ trail-changed
    local jobs = q.trail.jobs
    if #jobs >= MOST_NAMED then return end --@ trail-bound
    jobs[#jobs + 1] = concat({
        id, before or '-', result[1] == 'unique' and before or result[2] or '-', result[1], change or '',
    }, ' ')
end

-- A payload as the trail shows it. The queue's own word goes into the digest, so nobody can look it up elsewhere.
function trail.digest(q, payload)
    if not payload then return '-' end
    local salt = call('HGET', q.keys.meta, 'epoch') or ''
    return sub(_G.redis.sha1hex(salt .. '\n' .. payload), 1, 12)
end

-- Writes the entry of a call that answered; one that answered with an error has changed nothing.
function trail.finish(q, verb, answer)
    local entry = q.trail
    if not entry or not answer[1] then return end
    local words = { 'by', entry.by, 'did', verb, 'answer', answer[1] }
    for verdict, n in next, entry.counts do words[#words + 1] = 'n:' .. verdict words[#words + 1] = n end
    if entry.jobs[1] then words[#words + 1] = 'jobs' words[#words + 1] = concat(entry.jobs, '\n') end
    for i = 1, #entry.values do words[#words + 1] = entry.values[i] end
    call('XADD', entry.key, 'MAXLEN', '~', entry.most, '*', unpack(words)) --@ trail-written
end
