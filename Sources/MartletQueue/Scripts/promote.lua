-- Due jobs come into line.
--
-- needs: runtime values order events places
-- The place of a due job with a priority: its due time as far as scores of its priority can tell, behind those before it.
-- `last` is the last such place and its id. `meta` keeps the place, so that jobs of one ms keep their order when more of
-- them fall due than one call promotes.
local function promoted_place(q, last, id, due, priority)
    if not last.place then
        local kept = tonumber(call('HGET', q.keys.meta, 'promoted')) or 0
        -- One that lies far ahead was written before the clock went back.
        last.place = kept > q.now + 10 * LEAD_MS and 0 or kept
        last.is_ahead = last.place > q.now + LEAD_MS
    end
    local apart = spacing(q, priority)
    local place = floor(due / apart) * apart --@ due-rounded
    if place <= last.place then --@ promoted-behind
        local shares = last.id and last.place % apart == 0 and is_behind(id, last.id)
        place = shares and last.place or place_behind(q, last.place, priority, last.is_ahead)
    end
    last.place, last.id = max(place, last.place), id
    return place
end

local PROMOTED = { 't', 'r', 'k' }

-- The due entries that are jobs which wait, as members of the line; how many were torn from their jobs or stood elsewhere.
local function line_of_due(q, due, paused, last)
    local line, torn, stray = {}, 0, 0
    for i = 1, #due, 2 do
        local id = due[i]
        local job = read_job(q, id, PROMOTED) --@ promote-look
        -- A job whose type is lost goes on: the claim fails it as corrupt.
        if not job.t and is_gone(q, job) then --@ promote-gone
            torn = torn + 1
        elseif not live(job.k) and not paused[(i + 1) / 2] then
            local priority, place = whole(job.r, LEAST_PRIORITY, MOST_PRIORITY), due[i + 1]
            if priority then place = score(q, promoted_place(q, last, id, tonumber(place), priority), priority) end --@ promoted
            line[#line + 1] = place
            line[#line + 1] = id
        else
            stray = stray + 1
        end
    end
    return line, torn, stray
end

-- What is due, at most `most`: places and ids as members of the line, the ids that leave `delayed`, the last place, and how many
-- were torn from their jobs or stood elsewhere. Nothing is written.
local function due_line(q, most)
    local keys, until_ = q.keys, '(' .. format('%.0f', q.now + 1)
    local due = call('ZRANGE', keys.delayed, '-inf', until_, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES') --@ promote-due
    local gone, last = {}, {}
    for i = 1, #due, 2 do gone[#gone + 1] = due[i] end
    if #gone == 0 then return gone, gone, last, 0, 0 end
    local line, torn, stray = line_of_due(q, due, call('ZMSCORE', keys.paused, unpack(gone)), last)
    return line, gone, last, torn, stray
end

-- Brings due jobs into line, at most `most`; says how many. A job's due time becomes its place.
local function promote(q, most)
    local keys = q.keys
    local line, gone, last, torn, stray = due_line(q, most)
    if #gone == 0 then return 0 end
    if last.place then call('HSET', keys.meta, 'promoted', last.place) end --@ promoted-kept
    in_chunks('ZADD', keys.queued, line)
    in_chunks('ZREM', keys.delayed, gone) --@ promoted-removed
    if q.log then
        for i = 2, #line, 2 do events.note(q, 'due', line[i]) end --@ promoted-told
    end
    if torn > 0 then call('HINCRBY', keys.meta, 'deleted', torn) end
    if torn + stray > 0 then call('HINCRBY', keys.meta, 'repaired', torn + stray) end
    return #line / 2
end
