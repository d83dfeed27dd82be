-- Places in line: times in ms whose fractions keep apart what became runnable in the same ms.
-- A score is a double, so its resolution falls with the distance of its priority from 0. Places of a priority are
-- multiples of what its scores can tell apart, so neither a score nor the way back to the place is ever rounded.
local FINEST = 2 ^ -11
-- While the last place is further ahead of the clock than this, jobs of priorities whose places stand further apart than
-- `COARSE` share it: others cannot outrun the clock, since Redis pushes fewer than 128 jobs in a ms.
local LEAD_MS, COARSE = 1000, 2 ^ -7
-- The last place that was given out, and whether it was too far ahead when this call began.
local latest = place_of(meta[2]) or 0
local is_ahead = latest > now + LEAD_MS

-- How far apart the places of a priority stand. It holds for the next eight seconds too, so for all that one call gives out.
local function spacing(priority)
    local _, exponent = math.frexp(math.abs(max(now, clock) - priority * step) + 8192)
    return max(FINEST, math.ldexp(1, exponent - 53))
end

-- The place of this priority behind `place`.
local function place_behind(place, priority, is_held)
    local apart = spacing(priority)
    local same = floor(place / apart) * apart
    if is_held and apart > COARSE then return same end
    return same + apart
end

-- The next place in line, behind all that were given out before, even if the clock goes back.
local function next_place(priority)
    if latest < now then
        latest = now
        return now
    end
    local place = place_behind(latest, priority_of(priority), is_ahead)
    latest = max(latest, place)
    return place
end

-- Whether a job with this place still has to wait for its time.
local function is_early(place) return floor(place) > max(now, latest) end

