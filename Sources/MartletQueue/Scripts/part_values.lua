-- What the words of a job's hash mean.
-- When a job becomes runnable now: never earlier than any job before it, even if the clock goes back.
local function runnable() return max(now, clock) end

local function score(t, priority) return t - (tonumber(priority) or 0) * step end

-- A token is live while its job is active; a spent one begins with a minus.
local function live(token) return token and byte(token) ~= 45 end
-- A star behind a stored token says that the end of the attempt has more to look at: a unique key, a digest, or a stop
-- that is wanted. Without it one HGET tells all; workers never see it.
local function is_held(stored, token) return byte(token) ~= 45 and (stored == token or stored == token .. '*') end

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
