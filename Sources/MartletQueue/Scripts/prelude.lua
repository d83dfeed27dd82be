-- What every script of a queue begins with: settings and the clock.
local meta = call('HMGET', META, 'schema', 'clock', 'stops', 'plan', 'offset')
-- What a script answers instead of working: the queue is unknown here, or newer than this script.
local REFUSED = (not meta[1] and { 'noqueue' }) or (meta[1] ~= '1' and { 'schema', meta[1] }) or nil
-- The ms of the last place in line that was given out; see `places`.
local clock, stops = tonumber(sub(meta[2] or '', 1, 13)) or 0, tonumber(meta[3]) or 0

-- Read once; the only clock there is, in ms. As text it is put together, since `format` costs as much as a command.
local time = call('TIME')
local stamp = time[1] .. sub('00000' .. time[2], -6, -4)
local now = tonumber(stamp)
-- Tests move it.
if meta[5] then
    now = now + tonumber(meta[5])
    stamp = format('%.0f', now)
end

-- The settings that every call needs stand together in `plan`, which `configure` writes with each change; it is empty
-- while all have their defaults. One field is found and read faster than eight.
local limit, lease, step, halted = 0, DEFAULT_LEASE, DEFAULT_STEP, false
local completed_age, completed_count = DEFAULT_AGE, DEFAULT_COUNT
if meta[4] and meta[4] ~= '' then
    local a, b, c, d, e, f = match(meta[4], '^(%d+) (%d+) (%d+) (%d) (%d+) (%d+)$')
    limit, lease, step, halted = tonumber(a), tonumber(b), tonumber(c), d == '1'
    completed_age, completed_count = tonumber(e), tonumber(f)
end

-- A whole number within bounds, or nil. The pattern keeps out NaN, hexadecimal, exponents and blanks.
local function whole(text, low, high)
    if not text or not find(text, '^%-?%d+$') then return nil end
    local number = tonumber(text)
    if number < low or number > high then return nil end
    return number
end
