-- Wakes one worker when the job just placed is the next to fall due, so that it waits for the right moment.
local function wake_for_due(earliest)
    if not earliest then return end
    local due = next_due()
    if due >= 0 and now + due >= floor(earliest) then wake(1) end
end

local function lower(a, b) return (a and a < b) and a or b end

