-- Due jobs come into line.
-- The last place that a due job with a priority got, and its id. `meta` keeps the place, so that jobs of one ms keep their
-- order when more of them fall due than one call promotes.
local promoted = {}

-- The place of a due job with a priority: its due time as far as scores of its priority can tell, behind those before it.
local function promoted_place(id, due, priority)
    if not promoted.place then
        local kept = tonumber(call('HGET', META, 'promoted')) or 0
        -- One that lies far ahead was written before the clock went back.
        promoted.place = kept > now + 10 * LEAD_MS and 0 or kept
        promoted.is_ahead = promoted.place > now + LEAD_MS
    end
    local apart = spacing(priority)
    local place = floor(due / apart) * apart
    if place <= promoted.place then
        local shares = promoted.id and promoted.place % apart == 0 and is_behind(id, promoted.id)
        place = shares and promoted.place or place_behind(promoted.place, priority, promoted.is_ahead)
    end
    promoted.place, promoted.id = max(place, promoted.place), id
    return place
end

-- Brings due jobs into line, at most `most`; says how many. A job's due time becomes its place.
local function promote(most)
    local due = call('ZRANGE', DELAYED, '-inf', '(' .. format('%.0f', now + 1), 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
    local line, gone, torn, stray = {}, {}, 0, 0
    for i = 1, #due, 2 do gone[#gone + 1] = due[i] end
    if #gone == 0 then return 0 end
    local paused = call('ZMSCORE', PAUSED, unpack(gone))
    for i = 1, #due, 2 do
        local id = due[i]
        local job = look('HMGET', JOB .. id, 't', 'r', 'k')
        -- A job whose type is lost goes on: the claim fails it as corrupt.
        if not job[1] and (job.err or call('HLEN', JOB .. id) == 0) then
            torn = torn + 1
        elseif not live(job[3]) and not paused[(i + 1) / 2] then
            local priority = whole(job[2], -1000, 1000)
            line[#line + 1] = priority and score(promoted_place(id, tonumber(due[i + 1]), priority), priority) or due[i + 1]
            line[#line + 1] = id
        else
            stray = stray + 1
        end
    end
    if promoted.place then call('HSET', META, 'promoted', promoted.place) end
    in_chunks('ZADD', QUEUED, line)
    in_chunks('ZREM', DELAYED, gone)
    if torn > 0 then call('HINCRBY', META, 'deleted', torn) end
    if torn + stray > 0 then call('HINCRBY', META, 'repaired', torn + stray) end
    return #line / 2
end
