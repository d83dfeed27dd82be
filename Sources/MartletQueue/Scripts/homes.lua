-- What an audit and a repair take for a home of a job and for a time.
--
-- needs: runtime values hooks limits usage
-- gives: MOST_SUMMED is_time whole_place homes held_in_all AUDITED hides_more
-- How late a time may be: the longest delay is a year; a second one for a clock that has gone back since.
local LATEST = 2 * MAX_WAIT

-- A time has a fraction only where it is a place of our days.
function is_time(q, t)
    return t == t and t >= 0 and (t % 1 == 0 or t > 2 ^ 40) and t <= max(q.now, q.clock) + LATEST
end

-- The place in a field `at` that has nothing in it but a place and perhaps the time of a claim.
function whole_place(at)
    local place = tonumber(match(at or '', '^(%d+%.?%d*) ?%d*$'))
    return place and place <= MOST_EXACT and place
end

-- The indexes that name the job, with its score in each as Redis writes it, in the order in which they are believed.
function homes(q, id)
    local found = {}
    for i = 1, #INDEXES do
        local at = call('ZSCORE', q.keys[INDEXES[i]], id)
        if at then found[#found + 1] = { index = INDEXES[i], at = at } end
    end
    return found
end

-- All that the indexes hold.
function held_in_all(q)
    local sum = 0
    for i = 1, #INDEXES do sum = sum + call('ZCARD', q.keys[INDEXES[i]]) end
    return sum
end

-- The most entries of an index that are summed up at once.
MOST_SUMMED = 10000

-- The weights of all keys over the jobs of an index, as `weights` gives them for each: a table by key, or nothing where there
-- are too many jobs.
local function summed(q, index, fields, weights)
    if call('ZCARD', q.keys[index]) > MOST_SUMMED then return nil end
    local sums, ids = {}, call('ZRANGE', q.keys[index], 0, -1)
    for i = 1, #ids do
        local list = weights(read_job(q, ids[i], fields))
        for k = 1, #list, 2 do sums[list[k]] = (sums[list[k]] or 0) + list[k + 1] end
    end
    return sums
end

-- What `usage` and `standing` should say.
function limits.sum_usage(q) return summed(q, 'active', { 'lk', 'lh', 'k' }, limits.held_by) end
function limits.sum_standing(q)
    return summed(q, 'queued', { 'lw' }, function(job)
        local weight, key = limits.wait_of(job)
        return weight and { key, weight } or {}
    end)
end

AUDITED = { 't', 'p', 'k', 'r', 'at', 'w', 'u', 'e', 'd', 'lk', 'lh', 'lw' }

-- Whether the token of a job in `active` hides that its end has more to look at.
function hides_more(job) return live(job.k) and needs_more(job) and not is_starred(job.k) end
