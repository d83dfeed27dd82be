#!lua
-- Puts a queue's name into the registry, if there is room. On the slot of its own.
--
-- KEYS: the registry. ARGV: name, how many queues there may be. Answer: 1, or 0 when there is no room.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
