-- Which index holds a job: the index is the job's state.
--
-- needs: runtime values
local function state_of(index, token)
    if index ~= 'delayed' then return index end
    return claims_of(token) > 0 and 'retrying' or 'scheduled'
end

-- The job's state, the index that holds it, and its score there; the first in the order of the table counts.
local function locate(q, id, token)
    for i = 1, #INDEXES do
        local index = INDEXES[i]
        local at = call('ZSCORE', q.keys[index], id)
        if at then return state_of(index, token), index, tonumber(at) end
    end
    return nil
end
