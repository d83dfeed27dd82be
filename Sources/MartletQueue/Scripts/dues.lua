-- Due times: jobs that fall due in the same ms keep the order in which they came.
--
-- needs: runtime order places
local MS_LOOKED_AT = 8

-- The due time of a job in a given ms, behind all that are due in it. Ids that rise share one, since Redis orders them. A ms
-- holds 2048 others; what is too much goes into the next ones, and shares the last place when eight of them are full.
local function due_at(q, ms, id)
    -- What this call gave out, by the ms that was asked for: the last due time and the id that got it.
    local given = q.given or {}
    q.given = given
    local last = given[ms]
    if not last then
        last = { place = ms, id = id }
        for at = ms, ms + MS_LOOKED_AT - 1 do
            local after = '(' .. format('%.0f', at + 1)
            local tail = call('ZRANGE', q.keys.delayed, after, at, 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
            if not tail[1] then break end --@ due-tail
            local place = tonumber(tail[2])
            last.place = (tail[1] == id or is_behind(id, tail[1])) and place or place + FINEST
            if last.place < at + 1 then break end
        end
        given[ms] = last
    elseif last.id ~= id and not is_behind(id, last.id) then
        last.place = last.place + FINEST --@ due-next
    end
    last.id = id
    return last.place
end

-- How long to wait: ms, or what is left by Redis' clock until the ms behind an `@`. Nothing when it is more than a year.
local function wait_of(q, text)
    local at = match(text, '^@(%d+)$')
    if not at then return whole(text, 0, MAX_WAIT) end
    return whole(format('%.0f', max(0, tonumber(at) - q.now)), 0, MAX_WAIT) --@ moment
end
