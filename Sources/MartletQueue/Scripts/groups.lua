-- Groups of errors: failures of one type whose errors have one fingerprint, with counts of the last days.
--
-- needs: runtime changes
-- gives: groups
-- The index `errors` has the groups by when they were last seen, `error_groups` what is known of each. A group's name is the
-- fingerprint, a blank and the type. What is known stands in lines: when it was first seen, how many failures there were and
-- the last job; counts by 5 minutes; counts by the hour; and then the last error. Counts stand as `slot:count`, the latest
-- first, and slots in which nothing failed are left out.
-- Cost: nothing without a failure. A call with failures pays three commands, and two or four more for a new group.
groups = {}

local MOST_SAMPLE, FINE_SLOTS, COARSE_SLOTS = 512, 37, 169

-- A failure of this call. A text without a fingerprint is in no group.
function groups.note(q, print, job, text)
    if not print or not job.t then return end
    local noted = q.errors
    if not noted then
        noted = {}
        q.errors = noted
    end
    local name = print .. ' ' .. job.t
    local group = noted[name]
    if not group then
        if #noted == MOST_GROUPS then return end
        group = { name = name, count = 0 }
        noted[#noted + 1], noted[name] = group, group
    end
    group.count, group.id, group.text = group.count + 1, job.id, text --@ groups-counted
end

-- Counts with `by` more in a slot, without slots that are over.
local function counted(ring, slot, by, slots)
    local latest, had, rest = match(ring, '^(%d+):(%d+)(.*)$')
    if tonumber(latest or '') == slot then return slot .. ':' .. had + by .. rest end --@ groups-slot
    local words = { slot .. ':' .. by }
    for word, at in gmatch(ring, '((%d+):%d+)') do
        if tonumber(at) > slot - slots then words[#words + 1] = word end --@ groups-over
    end
    return concat(words, ' ')
end

local function described(q, group, stored)
    local first, total, fine, coarse = match(stored or '', '^(%d+) (%d+) [^\n]*\n([^\n]*)\n([^\n]*)\n')
    return concat({
        (first or q.stamp) .. ' ' .. (total or 0) + group.count .. ' ' .. group.id,
        counted(fine or '', floor(q.now / FINE_MS), group.count, FINE_SLOTS),
        counted(coarse or '', floor(q.now / COARSE_MS), group.count, COARSE_SLOTS),
        sub(group.text, 1, MOST_SAMPLE),
    }, '\n')
end

local function drop_groups(q, names)
    if #names == 0 then return end
    call('ZREM', q.keys.errors, unpack(names))
    call('HDEL', q.keys.error_groups, unpack(names)) --@ groups-dropped
end

-- What failed in this call; written when its jobs are. A key of another type affects only the groups.
function groups.write(q)
    local noted = q.errors
    if not noted then return end
    q.errors = nil
    local names, places, words, is_new = {}, {}, {}, false
    for i = 1, #noted do
        names[i], places[2 * i - 1], places[2 * i] = noted[i].name, q.stamp, noted[i].name
    end
    local stored = look('HMGET', q.keys.error_groups, unpack(names))
    if stored.err or type(look('ZADD', q.keys.errors, unpack(places))) ~= 'number' then return end
    for i = 1, #noted do
        words[2 * i - 1], words[2 * i] = names[i], described(q, noted[i], stored[i] or nil)
        is_new = is_new or not stored[i]
    end
    call('HSET', q.keys.error_groups, unpack(words))
    if not is_new then return end
    drop_groups(q, call('ZRANGE', q.keys.errors, '-inf', q.now - ERRORS_MS, 'BYSCORE', 'LIMIT', 0, MOST_GROUPS)) --@ groups-old
    local excess = call('ZCARD', q.keys.errors) - MOST_GROUPS
    if excess > 0 then drop_groups(q, call('ZRANGE', q.keys.errors, 0, excess - 1)) end --@ groups-bound
end
