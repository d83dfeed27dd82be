-- Tokens for idle workers, one for each job that became runnable. A hint: polling alone is correct.
--
-- needs: runtime
local WAKE_LIMIT = 64

local function wake(q, n)
    if n <= 0 or q.halted == 1 then return end --@ halted
    local key = q.keys.wake
    n = min(n, WAKE_LIMIT - call('LLEN', key)) --@ wake-limit
    if n <= 0 then return end
    if n == 1 then return call('LPUSH', key, '1') end
    local tokens = {}
    for i = 1, n do tokens[i] = '1' end
    call('LPUSH', key, unpack(tokens))
end

-- When the next delayed job falls due: in ms from now, 0 for one that is due, -1 when nothing waits.
local function next_due(q)
    local head = call('ZRANGE', q.keys.delayed, 0, 0, 'WITHSCORES')
    return head[2] and max(0, floor(tonumber(head[2])) - q.now) or -1
end

-- Wakes one worker when the job just placed is the next to fall due, so that it waits for the right moment.
local function wake_for_due(q, earliest)
    if not earliest then return end
    local due = next_due(q)
    if due >= 0 and q.now + due >= floor(earliest) then wake(q, 1) end --@ alarm
end

-- The sooner of two waits, where -1 is none.
local function sooner(a, b)
    if a < 0 or b < 0 then return max(a, b) end
    return min(a, b)
end

local function lower(a, b) return (a and a < b) and a or b end
