-- Tokens for idle workers.
-- Tokens for idle workers, one for each job that became runnable. A hint: polling alone is correct.
local function wake(n)
    if n <= 0 or halted then return end
    n = min(n, WAKE_LIMIT - call('LLEN', WAKE))
    if n <= 0 then return end
    local tokens = {}
    for i = 1, n do tokens[i] = '1' end
    call('LPUSH', WAKE, unpack(tokens))
end

-- Wakes one worker when the job just placed is the next to fall due, so that it waits for the right moment.
local function wake_for_due(earliest)
    if not earliest then return end
    local due = next_due()
    if due >= 0 and now + due >= earliest then wake(1) end
end

local function lower(a, b) return (a and a < b) and a or b end

