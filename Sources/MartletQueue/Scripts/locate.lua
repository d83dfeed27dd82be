-- Which index holds a job: the index is the job's state.
--
-- needs: runtime values
local function state_of(index, token)
    if index ~= 'delayed' then return index end
    return claims_of(token) > 0 and 'retrying' or 'scheduled'
end

-- Whether a job of this index, or in this state, waits for nothing but its turn or a limit; its score there is its place with its
-- priority.
local function is_line(index) return index == 'queued' or index == 'blocked' end

-- The job's state, the index that holds it, and its score there; the first in the order of the table counts.
local function locate(q, id, token)
    for i = 1, #INDEXES do
        local index = INDEXES[i]
        local at = call('ZSCORE', q.keys[index], id)
        if at then return state_of(index, token), index, tonumber(at) end
    end
    return nil
end
