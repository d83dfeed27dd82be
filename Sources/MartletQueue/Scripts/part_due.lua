-- When the next delayed job falls due.
-- In ms from now, 0 for one that is due, -1 when nothing waits.
local function next_due()
    local head = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
    return head[2] and max(0, floor(tonumber(head[2])) - now) or -1
end
