-- What lies on slots of its own: the registry of queues, and the flag that pauses all of them.
--
-- needs: runtime trail
-- Sets the flag that pauses all queues and raises its version, in one step.
--
-- Keys: the global hash, and the audit trail of what concerns no single queue, which has its slot. args: flag (1 or 0),
-- reason, who. Answer: the new version.
function functions.global(keys, given)
    if not call then capture() end
    local q = {}
    local args, refused = trail.begin(q, keys[2], given)
    if not args then return refused end
    if q.trail then
        local before = call('HMGET', keys[1], 'paused', 'reason', 'by')
        local was_paused = before[1] == '1'
        trail.value(q, 'paused', was_paused and 'yes' or 'no', args[1] == '1' and 'yes' or 'no')
        trail.value(q, 'reason', was_paused and before[2], args[1] == '1' and args[2])
        trail.value(q, 'paused_by', was_paused and before[3])
        trail.finish(q, args[1] == '1' and 'pause' or 'resume', { 'ok' })
    end
    local version = call('HINCRBY', keys[1], 'version', 1)
    call('HSET', keys[1], 'paused', args[1], 'reason', args[2], 'by', args[3])
    return version
end

-- Puts a queue's name into the registry, if there is room.
--
-- Key: the registry. args: name, how many queues there may be. Answer: 1, or 0 when there is no room.
function functions.register(keys, args)
    if not call then capture() end
    if call('SISMEMBER', keys[1], args[1]) == 1 then return 1 end
    if call('SCARD', keys[1]) >= tonumber(args[2]) then return 0 end --@ register-room
    call('SADD', keys[1], args[1])
    return 1
end
