-- What an audit and a repair take for a home of a job and for a time.
--
-- needs: runtime values hooks
-- How late a time may be: the longest delay is a year; a second one for a clock that has gone back since.
local LATEST = 2 * MAX_WAIT

-- A time has a fraction only where it is a place of our days.
local function is_time(q, t)
    return t == t and t >= 0 and (t % 1 == 0 or t > 2 ^ 40) and t <= max(q.now, q.clock) + LATEST
end

-- The place in a field `at` that has nothing in it but a place and perhaps the time of a claim.
local function whole_place(at)
    local place = tonumber(match(at or '', '^(%d+%.?%d*) ?%d*$'))
    return place and place <= MOST_EXACT and place
end

-- The indexes that name the job, with its score in each as Redis writes it, in the order in which they are believed.
local function homes(q, id)
    local found = {}
    for i = 1, #INDEXES do
        local at = call('ZSCORE', q.keys[INDEXES[i]], id)
        if at then found[#found + 1] = { index = INDEXES[i], at = at } end
    end
    return found
end

-- All that the indexes hold.
local function held_in_all(q)
    local sum = 0
    for i = 1, #INDEXES do sum = sum + call('ZCARD', q.keys[INDEXES[i]]) end
    return sum
end

local AUDITED = { 't', 'p', 'k', 'r', 'at', 'w', 'u', 'e', 'd', 'lk' }

-- Whether the token of a job in `active` hides that its end has more to look at.
local function hides_more(job) return live(job.k) and needs_more(job) and not is_starred(job.k) end
