-- The objects of limits as those see them who change and show them: all their words; see `limits` for what they mean.
--
-- needs: runtime
-- gives: limit_words
limit_words = {}

local ORDER = { 'c', 'n', 'per', 'burst', 'oc', 'on', 'oper', 'oburst', 'ountil', 'paused', 'until' }
local OVERRIDE, PAUSE = { 'oc', 'on', 'oper', 'oburst', 'ountil' }, { 'paused', 'until', 'reason', 'by' }
local IS_KNOWN = {}
for i = 1, #ORDER do IS_KNOWN[ORDER[i]] = true end

function limit_words.without(words, names)
    for i = 1, #names do words[names[i]] = nil end
end

function limit_words.without_override(words) limit_words.without(words, OVERRIDE) end
function limit_words.without_pause(words) limit_words.without(words, PAUSE) end

-- The words that count now, by name: an override and a pause whose time is over are left out.
function limit_words.read(q, text)
    local line, reason, by = match(text, '^([^\n]*)\n?([^\n]*)\n?([^\n]*)')
    local words, more = { reason = reason ~= '' and reason or nil, by = by ~= '' and by or nil }, {}
    for name, value in gmatch(line, '(%w+)=(%S+)') do
        if IS_KNOWN[name] then words[name] = whole(value, 0, MOST_EXACT) else more[#more + 1] = name .. '=' .. value end
    end
    words.more = concat(more, ' ')
    if words.ountil and words.ountil <= q.now then limit_words.without_override(words) end --@ override-over
    local till = words['until']
    if words.paused ~= 1 or (till and till <= q.now) then limit_words.without_pause(words) end --@ pause-over
    return words
end

local function says(words) return words.c or words.n or words.oc or words.on or words.paused end

-- The text of an object; nothing where no word is left that counts.
function limit_words.text(words)
    if not says(words) then return nil end --@ limit-empty
    local line = {}
    for i = 1, #ORDER do
        local value = words[ORDER[i]]
        if value then line[#line + 1] = ORDER[i] .. '=' .. format('%.0f', value) end
    end
    if words.more ~= '' then line[#line + 1] = words.more end --@ limit-unknown
    local text = concat(line, ' ')
    return words.paused and text .. '\n' .. (words.reason or '') .. '\n' .. (words.by or '') or text
end

-- Concurrency, starts, ms and burst in force: those of an override stand in place of all others.
function limit_words.in_force(words)
    if words.oc or words.on then return words.oc, words.on, words.oper, words.oburst or 1 end --@ override
    return words.c, words.n, words.per, words.burst or 1
end
