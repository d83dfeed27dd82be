-- Due jobs come into line.
-- Brings due jobs into line, at most `most`; says how many. A job's due time becomes its place.
local function promote(most)
    local due = call('ZRANGE', DELAYED, '-inf', now, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
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
            line[#line + 1] = job[2] and score(tonumber(due[i + 1]), job[2]) or due[i + 1]
            line[#line + 1] = id
        else
            stray = stray + 1
        end
    end
    in_chunks('ZADD', QUEUED, line)
    in_chunks('ZREM', DELAYED, gone)
    if torn > 0 then call('HINCRBY', META, 'deleted', torn) end
    if torn + stray > 0 then call('HINCRBY', META, 'repaired', torn + stray) end
    return #line / 2
end
