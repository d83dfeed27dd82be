-- Samples of a queue's counters, for its history: rings by the second, the minute and ten minutes.
--
-- needs: runtime
-- gives: samples
-- Each ring is a stream. The first sweep in a slot of a ring adds an entry, whose id is its time: `quiet`, the ms since the sweep
-- before it, or 0 where none is known; the counters `created`, `completed`, `failed`, `cancelled`; how many jobs are `queued`,
-- `active`, `delayed`. Where all is as in the last entry there is no new one, unless nobody swept for longer than a slot.
-- After the clock went back an entry comes right behind the last one, and its own time is in `at`.
-- Cost for a sweep that begins a second: HMGET, three ZCARD and XREVRANGE; XADD where something changed.
samples = {}

local COUNTERS = { 'created', 'completed', 'failed', 'cancelled' }
local DEPTHS = { 'queued', 'active', 'delayed' }

local function begun(q, swept)
    local rings = {}
    for i = 1, #HISTORY_RINGS do
        local slot = HISTORY_RINGS[i].slot
        if not swept or swept > q.now or floor(swept / slot) < floor(q.now / slot) then --@ sample-begun
            rings[#rings + 1] = HISTORY_RINGS[i]
        end
    end
    return rings
end

-- The words of an entry; the number of `quiet` is the second one.
local function words_of(q, quiet)
    local words, counted = { 'quiet', quiet }, call('HMGET', q.keys.meta, unpack(COUNTERS))
    for i = 1, #COUNTERS do
        words[#words + 1] = COUNTERS[i]
        words[#words + 1] = counted[i] or '0'
    end
    for i = 1, #DEPTHS do
        words[#words + 1] = DEPTHS[i]
        words[#words + 1] = call('ZCARD', q.keys[DEPTHS[i]])
    end
    return words
end

local function differ(words, others)
    for i = 4, #words, 2 do
        if tonumber(words[i]) ~= tonumber(others[i]) then return true end
    end
    return false
end

-- Adds an entry to a ring: at this moment, or right behind the last one where the clock went back. `last` is that one, if its
-- caller has it. A key of another type affects only its ring.
function samples.append(key, kept, stamp, words, last)
    if not last then
        local found = look('XREVRANGE', key, '+', '-', 'COUNT', 1)
        if found.err then return end
        last = found[1]
    end
    local ms, number = match(last and last[1] or '0-0', '^(%d+)-(%d+)$')
    if tonumber(ms) < tonumber(stamp) then
        call('XADD', key, 'MAXLEN', '~', kept, stamp, unpack(words)) --@ sample-added
    else
        local id = ms .. '-' .. format('%.0f', number + 1)
        call('XADD', key, 'MAXLEN', '~', kept, id, 'at', stamp, unpack(words)) --@ sample-back
    end
end

local function add(q, ring, words, quiet)
    local key = q.keys[ring.name]
    local found = look('XREVRANGE', key, '+', '-', 'COUNT', 1)
    if found.err then return end
    local last = found[1]
    local is_gap = quiet == 0 or quiet > ring.quiet --@ sample-gap
    if last and not is_gap and not differ(words, last[2]) then return end --@ sample-same
    samples.append(key, ring.kept, q.stamp, words, last)
end

-- Called at the end of each sweep with the time of the one before.
function samples.take(q, swept)
    local rings = begun(q, swept)
    if #rings == 0 then return end
    local quiet = swept and swept <= q.now and q.now - swept or 0
    local words = words_of(q, quiet)
    for i = 1, #rings do add(q, rings[i], words, quiet) end
end
