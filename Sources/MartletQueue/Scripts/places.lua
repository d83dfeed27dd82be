-- Places in line: times in ms whose fractions keep apart what became runnable in the same ms.
--
-- needs: runtime values changes moves
-- A score is a double, so its resolution falls with the distance of its priority from 0. Places of a priority are
-- multiples of what its scores can tell apart, so neither a score nor the way back to the place is ever rounded.
local FINEST = 2 ^ -11
-- While the last place is further ahead of the clock than this, jobs of priorities whose places stand further apart than
-- `COARSE` share it: others cannot outrun the clock, since Redis pushes fewer than 128 jobs in a ms.
local LEAD_MS, COARSE = 1000, 2 ^ -7

-- The last place that was given out; whether it was too far ahead when this call began is remembered.
local function latest_of(q)
    if not q.latest then
        q.latest = place_of(q.last_place) or 0
        q.is_ahead = q.latest > q.now + LEAD_MS
    end
    return q.latest
end

-- How far apart the places of a priority stand. It holds for the next eight seconds too, so for all that one call gives out.
local function spacing(q, priority)
    local _, exponent = frexp(abs(max(q.now, q.clock) - priority * q.step) + 8192)
    return max(FINEST, ldexp(1, exponent - 53)) --@ spacing
end

-- The place of this priority behind `place`.
local function place_behind(q, place, priority, is_ahead)
    local apart = spacing(q, priority)
    local same = floor(place / apart) * apart
    if is_ahead and apart > COARSE then return same end --@ shared-ahead
    return same + apart --@ next-fraction
end

-- The next place in line, behind all that were given out before, even if the clock goes back.
local function next_place(q, priority)
    if latest_of(q) < q.now then --@ clock-forward
        q.latest = q.now
        return q.now
    end
    local place = place_behind(q, q.latest, priority_of(priority), q.is_ahead)
    q.latest = max(q.latest, place)
    return place
end

-- Whether a job with this place still has to wait for its time.
local function is_early(q, place) return floor(place) > max(q.now, latest_of(q)) end

-- A place behind all who came before, for a job that becomes runnable now.
local function place_now(q, priority)
    local place = next_place(q, priority)
    changes_of(q).clock = q.latest
    return place
end

-- Into line as of now.
local function line_up(q, job, from, priority)
    move(q, job, from, 'queued', score(q, place_now(q, priority), priority))
end
