-- Names: the queue's keys, what Lua offers, and the defaults of the schema.
-- The keys come in one fixed order; a job's own key is the declared prefix plus its id, in the same slot by construction
-- and read before anything is written.
local JOB, QUEUED, DELAYED, ACTIVE, PAUSED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local COMPLETED, FAILED, CANCELLED = KEYS[6], KEYS[7], KEYS[8]
local META, WAKE, CLAIMS, UNIQUE, TOMB, TOMBS, WORKERS = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]

local call, floor, min, max = redis.call, math.floor, math.min, math.max
local byte, find, format, match, sub = string.byte, string.find, string.format, string.match, string.sub

local CHUNK = 1000
-- How often in a row a job may be lost before it fails as poison; and if each time its worker died while the job ran in a
-- process of its own, where it hardly can be the cause.
local MAX_LOST, MAX_LOST_APART = 3, 6
local DEFAULT_STEP, DEFAULT_LEASE, DEFAULT_AGE, DEFAULT_COUNT = 4398046511104, 30000, 86400000, 100000

