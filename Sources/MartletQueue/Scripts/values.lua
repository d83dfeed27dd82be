-- What the words of a job's hash mean.
--
-- needs: runtime
-- Numbers with all their digits: a place in line may have a fraction.
local function digits(number) return format(number % 1 == 0 and '%.0f' or '%.17g', number) end --@ digits

-- Fields that are no such number count as their defaults: a job's hash may hold anything, and what NaN or infinity would
-- make of a score stops the script that writes it.
local function priority_of(text) return text and whole(text, LEAST_PRIORITY, MOST_PRIORITY) or 0 end --@ priority
local function counter_of(text) return text and whole(text, 0, MOST_COUNT) or 0 end --@ counter

-- Field `l`: how many workers were lost with the job, and behind a blank how many of them before its last accepted
-- checkpoint. People see all of them; only the others are in a row and count towards poison.
local function losses(lost)
    local all, before = match(lost or '', '^(%d+) ?(%d*)$')
    all, before = counter_of(all), counter_of(before)
    return all, max(0, all - before), before --@ losses
end

-- The field after one more loss, and how many are in a row then.
local function lost_again(lost)
    local all, in_a_row, before = losses(lost)
    return all + 1 .. (before > 0 and ' ' .. before or ''), in_a_row + 1
end

local function score(q, t, priority) return t - priority_of(priority) * q.step end --@ score

-- A token is live while its job is active; a spent one begins with a minus.
local function live(token) return token and byte(token) ~= 45 end
-- A star behind a stored token says that the end of the attempt has more to look at; see `needs_more`. Without it one HGET
-- tells all; workers never see it. A token from outside has neither minus nor star: with one it would be equal to what is
-- stored, and the job would end past what its end has to look at.
local function is_token(token) return byte(token) ~= 45 and byte(token, -1) ~= 42 end --@ is-token
local function is_held(stored, token) return is_token(token) and (stored == token or stored == token .. '*') end
local function is_starred(token) return byte(token, -1) == 42 end

-- Field `at`: the place in line that a job had or gets, and behind it when it was last claimed, if it ever was.
-- One field for both: with a fifth one the hash of a common job would outgrow its first table.
local function place_of(at)
    local place = at and tonumber(match(at, '^%d+%.?%d*'))
    return place and place <= MOST_EXACT and place or nil
end
local function claimed_at(at) return at and whole(match(at, ' (%d+)$'), 0, MOST_EXACT) end
local function moved(at, place) return digits(place) .. (at and match(at, ' %d+$') or '') end --@ moved

local function claims_of(token) return token and whole(match(token, '^%-?(%d+)'), 0, MAX_CLAIMS) or 0 end --@ claims
local function wants(want, what) return want and sub(want, 1, #what) == what end

-- A job with these of its fields, each under its letter; `err` where its key is no hash.
local function read_job(q, id, names)
    local found = look('HMGET', q.keys.job .. id, unpack(names))
    local job = { id = id, err = found.err }
    for i = 1, #names do job[names[i]] = found[i] or nil end
    return job
end

-- The fields of a hash, as HGETALL answers them, by name.
local function by_name(id, pairs_)
    local job = {}
    for i = 1, #pairs_, 2 do job[pairs_[i]] = pairs_[i + 1] end
    job.id = id
    return job
end

-- Whether nothing is left of a job: no hash, or a key of another type.
local function is_gone(q, job) return job.err or call('HLEN', q.keys.job .. job.id) == 0 end
