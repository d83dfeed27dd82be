-- What the scripts of a queue share: keys, clock, place in line, wake tokens, and the one way to change a job.
--
-- Put before each script. The queue's keys come in one fixed order; a job's own key is the declared prefix plus its id,
-- in the same slot by construction and read before anything is written.
local JOB, QUEUED, DELAYED, ACTIVE, PAUSED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local COMPLETED, FAILED, CANCELLED = KEYS[6], KEYS[7], KEYS[8]
local META, WAKE, CLAIMS, UNIQUE, TOMB, TOMBS, WORKERS = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]

local call, floor, min, max = redis.call, math.floor, math.min, math.max
local byte, find, format, match, sub = string.byte, string.find, string.format, string.match, string.sub

local WAKE_LIMIT = 64
local CHUNK = 1000
local TOMB_MS = 86400000
local FRESH_MS = 60000
local MAX_LOST = 3
local DEFAULT_RETRIES = 3
local DEFAULT_STEP = 4398046511104
local DEFAULT_LEASE = 30000

local meta = call('HMGET', META, 'schema', 'offset', 'clock', 'step', 'limit', 'lease', 'paused', 'paused_all', 'stops')
-- What a script answers instead of working: the queue is unknown here, or newer than this script.
local REFUSED = (not meta[1] and { 'noqueue' }) or (meta[1] ~= '1' and { 'schema', meta[1] }) or nil

-- Read once; the only clock there is. Tests move it by `offset`.
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000) + (tonumber(meta[2]) or 0)
local step = tonumber(meta[4]) or DEFAULT_STEP
local limit = tonumber(meta[5]) or 0
local lease = tonumber(meta[6]) or DEFAULT_LEASE
local halted = meta[7] == '1' or meta[8] == '1'
local stops = tonumber(meta[9]) or 0

-- A whole number within bounds, or nil. The pattern keeps out NaN, hexadecimal, exponents and blanks.
local function whole(text, low, high)
    if not text or not find(text, '^%-?%d+$') then return nil end
    local number = tonumber(text)
    if number < low or number > high then return nil end
    return number
end

-- When a job becomes runnable now: never earlier than any job before it, even if the clock goes back.
local function runnable() return max(now, tonumber(meta[3]) or 0) end

local function score(t, priority) return t - (tonumber(priority) or 0) * step end

-- A token is live while its job is active; a spent one begins with a minus.
local function live(token) return token and byte(token) ~= 45 end
-- A star behind a stored token says that the end of the attempt has more to look at: a unique key, a digest, or a stop
-- that is wanted. Without it one HGET tells all; workers never see it.
local function is_held(stored, token) return stored == token or stored == token .. '*' end

-- Field `at`: the place in line that a job had or shall have, and behind it when it was last claimed, if it ever was.
-- One field for both: with a fifth one the hash of a common job would outgrow its first table.
local function place_of(at) return at and tonumber(match(at, '^%d+')) end
local function claimed_at(at) return at and tonumber(match(at, ' (%d+)$')) end
local function moved(at, place) return format('%.0f', place) .. (at and match(at, ' %d+$') or '') end

local function claims_of(token) return token and tonumber(match(token, '^%-?(%d+)')) or 0 end
local function wants(want, what) return want and sub(want, 1, #what) == what end

-- A variadic command in pieces that Lua can bear.
local function in_chunks(command, key, list)
    for i = 1, #list, CHUNK do call(command, key, unpack(list, i, min(i + CHUNK - 1, #list))) end
end

