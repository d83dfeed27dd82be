-- The plan: the settings that every call needs, in one field of `meta`.
--
-- needs: runtime
-- Called behind each change of one of them, and when the last listener has gone. Settings of other versions are kept, since
-- during an upgrade both change settings.
local function make_plan(q)
    local meta, words = q.keys.meta, {}
    for name, value in gmatch(call('HGET', meta, 'plan') or '', '([%w_]+)=(%S+)') do
        if not PLAN[name] then words[#words + 1] = name .. '=' .. value end
    end
    local set = call('HMGET', meta, unpack(PLAN_NAMES))
    for i = 1, #PLAN_NAMES do
        local name, value = PLAN_NAMES[i], tonumber(set[i])
        q[name] = value or PLAN[name]
        if value and value ~= PLAN[name] then words[#words + 1] = name .. '=' .. format('%.0f', value) end
    end
    local flags = call('HMGET', meta, 'paused', 'paused_all', 'listen_until', 'limited')
    q.halted = (flags[1] == '1' or flags[2] == '1') and 1 or 0
    if q.halted == 1 then words[#words + 1] = 'halted=1' end
    q.limited = tonumber(flags[4]) or 0
    if q.limited > 0 then words[#words + 1] = 'limited=' .. format('%.0f', q.limited) end --@ plan-limited
    local listen = tonumber(flags[3]) or 0
    if listen > q.now then words[#words + 1] = 'listen=' .. format('%.0f', listen) end --@ plan-listen
    call('HSET', meta, 'plan', concat(words, ' '))
end
