-- Names: the queue's keys, what Lua offers, and the defaults of the schema.
-- The keys come in one fixed order; a job's own key is the declared prefix plus its id, in the same slot by construction
-- and read before anything is written.
local JOB, QUEUED, DELAYED, ACTIVE, PAUSED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local COMPLETED, FAILED, CANCELLED = KEYS[6], KEYS[7], KEYS[8]
local META, WAKE, CLAIMS, UNIQUE, TOMB, TOMBS, WORKERS = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]

-- `look` reads a job's key. One of another type is no job: the answer is an error without fields, and only that job is
-- affected.
local call, look, floor, min, max, byte, find, format, match, sub
do
    -- Each global is looked up once.
    local redis, math, string = redis, math, string
    call, look, floor, min, max = redis.call, redis.pcall, math.floor, math.min, math.max
    byte, find, format, match, sub = string.byte, string.find, string.format, string.match, string.sub
end

local CHUNK = 1000
-- How often in a row a job may be lost before it fails as poison; and if each time its worker died while the job ran in a
-- process of its own, where it hardly can be the cause.
local MAX_LOST, MAX_LOST_APART = 3, 6
-- A year in ms: the longest delay and the longest timeout.
local MAX_WAIT = 31536000000
-- Lua writes larger numbers with an exponent.
local MAX_CLAIMS = 1e14
local DEFAULT_STEP, DEFAULT_LEASE, DEFAULT_AGE, DEFAULT_COUNT = 4398046511104, 30000, 86400000, 100000

