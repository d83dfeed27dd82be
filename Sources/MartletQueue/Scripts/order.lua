-- The order of ids as Redis keeps members of equal score: by their bytes.
--
-- needs: runtime
-- Lua compares texts by the locale that Redis was started with. Where every capital stands before every small letter, as
-- in C and C.UTF-8, that is the order of the bytes; elsewhere the bytes are compared one by one.
-- Whether `a` stands behind `b`.
local function is_behind(a, b)
    if 'Z' < 'a' then return a > b end
    -- Ids of one producer begin alike, and to see that pieces are the same costs least.
    local at = 1
    while sub(a, at, at + 7) == sub(b, at, at + 7) do
        at = at + 8
        if at > #a then return false end
    end
    for i = at, at + 7 do
        local x, y = byte(a, i), byte(b, i)
        if x ~= y then return x ~= nil and (y == nil or x > y) end
    end
end
