-- Whether the user of this connection may do all that the scripts do: asked here, since `ACL DRYRUN` is for administrators.
--
-- needs: runtime
-- Key: one that such a user may touch. args: names of commands; of a container, `name|subcommand`.
-- Answer: how many of them the server knows, then the names of those that are denied.
function functions.permissions(keys, args)
    if not call then capture() end
    local check, answer, key = _G.redis.acl_check_cmd, { 0 }, keys[1]
    for i = 1, #args do
        local name, part = match(args[i], '^([^|]+)|?(.*)$')
        local is_known, is_allowed
        if part ~= '' then
            is_known, is_allowed = _G.pcall(check, name, part, key)
        elseif name == 'TIME' then
            is_known, is_allowed = _G.pcall(check, name)
        elseif name == 'XREAD' then
            is_known, is_allowed = _G.pcall(check, name, 'STREAMS', key, '0')
        else
            is_known, is_allowed = _G.pcall(check, name, key, key, key)
        end
        if is_known then answer[1] = answer[1] + 1 end
        if is_known and not is_allowed then answer[#answer + 1] = args[i] end
    end
    return answer
end
