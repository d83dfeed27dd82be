-- Tokens for idle workers, one for each job that became runnable. A hint: polling alone is correct.
local WAKE_LIMIT = 64
local function wake(n)
    if n <= 0 or halted then return end
    n = min(n, WAKE_LIMIT - call('LLEN', WAKE))
    if n <= 0 then return end
    if n == 1 then return call('LPUSH', WAKE, '1') end
    local tokens = {}
    for i = 1, n do tokens[i] = '1' end
    call('LPUSH', WAKE, unpack(tokens))
end

