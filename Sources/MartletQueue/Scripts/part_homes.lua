-- What an audit and a repair take for a home of a job and for a time.
-- In the order in which one is believed before another.
local ORDER = { ACTIVE, PAUSED, DELAYED, QUEUED, COMPLETED, FAILED, CANCELLED }
local NAMES = { 'active', 'paused', 'delayed', 'queued', 'completed', 'failed', 'cancelled' }
-- How late a time may be: the longest delay is a year; a second one for a clock that has gone back since.
local LATEST = 2 * 31536000000

local function is_final(index) return index == COMPLETED or index == FAILED or index == CANCELLED end
-- A time has a fraction only where it is a place of our days.
local function is_time(t)
    return t == t and t >= 0 and (t % 1 == 0 or t > 2 ^ 40) and t <= max(now, clock) + LATEST
end
-- The place in a field `at` that has nothing in it but a place and perhaps the time of a claim.
local function whole_place(at)
    local place = tonumber(match(at or '', '^(%d+%.?%d*) ?%d*$'))
    return place and place <= 2 ^ 53 and place
end

-- The indexes that name the job, with its score in each as Redis writes it.
local function homes(id)
    local found = {}
    for i = 1, #ORDER do
        local at = call('ZSCORE', ORDER[i], id)
        if at then found[#found + 1] = { index = ORDER[i], name = NAMES[i], at = at } end
    end
    return found
end
