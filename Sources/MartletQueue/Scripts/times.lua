-- How long jobs waited and ran: histograms that workers send with their heartbeats, merged into rings for the history.
--
-- needs: runtime samples
-- gives: times
-- A histogram is `<first bucket>:<count>,<count>…`, with nothing in place of a zero, or `-`; Swift says what a bucket is. What is
-- kept of a type is two of them, of waits and of runs. `times` has the slots that are not over: `at<ring>`, the number of the
-- slot, and `<ring> :<type>` and `<ring> rest`. A slot that is over becomes an entry of its ring's stream, whose id is when it
-- begins, and is merged into the slot of the next ring. A slot has at most 20 types; those of others are in `rest` together.
-- Cost: nothing without times. A heartbeat with some pays HGETALL and HSET, and a few more commands where a slot is over.
times = {}

local MOST_TYPES, MOST_BUCKET = 20, 511

local function add_histogram(counts, text)
    local first, rest = match(text or '', '^(%d+):([%d,]+)$')
    if not first then return end
    local at = tonumber(first)
    counts.first = min(counts.first or at, at)
    for number in gmatch(rest .. ',', '(%d*),') do
        if at > MOST_BUCKET then break end
        if number ~= '' then counts[at] = (counts[at] or 0) + number end --@ times-summed
        at = at + 1
    end
    counts.last = max(counts.last or 0, at - 1)
end

local function text_of(counts)
    if not counts.first then return '-' end
    local words, before = {}, counts.first - 1
    for at = counts.first, counts.last do words[at - before] = counts[at] or '' end
    return counts.first .. ':' .. concat(words, ',')
end

-- Two pairs of histograms as one.
local function merged(had, new)
    if not had then return new end
    local waits, runs = {}, {}
    for _, pair in next, { had, new } do
        local wait, run = match(pair, '^(%S+) (%S+)$')
        add_histogram(waits, wait)
        add_histogram(runs, run)
    end
    return text_of(waits) .. ' ' .. text_of(runs)
end

-- The slots that are not over: for each ring its number, histograms by name, and how many types have one.
local function opened(stored)
    local slots = {}
    for i = 1, #TIME_RINGS do slots[i] = { kinds = 0, names = {} } end
    for i = 1, #stored, 2 do
        local at, ring, name = match(stored[i], '^at(%d)$'), match(stored[i], '^(%d) (.+)$')
        local slot = slots[tonumber(at or ring)]
        if slot and at then
            slot.at = tonumber(stored[i + 1])
        elseif slot then
            slot.names[name] = stored[i + 1]
            slot.kinds = slot.kinds + 1
        end
    end
    return slots
end

local function put(slot, name, pair)
    if not slot.names[name] then
        if slot.kinds >= MOST_TYPES then name = 'rest' end --@ times-bound
        slot.kinds = slot.kinds + 1
    end
    slot.names[name] = merged(slot.names[name], pair)
end

-- Ends the slots that are over, the shortest first; says whether there were any.
local function close(q, slots)
    local has_closed = false
    for i = 1, #TIME_RINGS do
        local ring, slot = TIME_RINGS[i], slots[i]
        local now = floor(q.now / ring.slot)
        if slot.at ~= now then --@ times-over
            local words, longer = {}, slots[i + 1]
            for name, pair in next, slot.names do
                words[#words + 1], words[#words + 2] = name, pair
                if longer then put(longer, name, pair) end --@ times-longer
            end
            if slot.at and #words > 0 then
                samples.append(q.keys[ring.name], ring.kept, format('%.0f', slot.at * ring.slot), words) --@ times-kept
            end
            slots[i] = { at = now, kinds = 0, names = {} }
            has_closed = true
        end
    end
    return has_closed
end

-- Writes the first slot, or all of them.
local function write_slots(q, slots, last)
    local words = {}
    for i = 1, last do
        words[#words + 1], words[#words + 2] = 'at' .. i, format('%.0f', slots[i].at)
        for name, pair in next, slots[i].names do
            words[#words + 1], words[#words + 2] = i .. ' ' .. name, pair
        end
    end
    call('HSET', q.keys.times, unpack(words))
end

-- What a worker measured since its last heartbeat: lines of `:<type>` or `rest`, a tab, and two histograms.
function times.add(q, lines)
    local stored = look('HGETALL', q.keys.times)
    if stored.err then return end
    local slots = opened(stored)
    local has_closed = close(q, slots)
    if has_closed then call('DEL', q.keys.times) end
    for name, pair in gmatch(lines, '([^\t\n]+)\t([^\n]+)') do put(slots[1], name, pair) end --@ times-added
    write_slots(q, slots, has_closed and #slots or 1)
end
