#!lua
-- Sets the flag that pauses all queues and raises its version, in one step. On the slot of its own.
--
-- KEYS: the global hash. ARGV: flag (1 or 0), reason, who. Answer: the new version.
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'paused', ARGV[1], 'reason', ARGV[2], 'by', ARGV[3])
return version
