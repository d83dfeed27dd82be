-- Which index holds a job.
-- Which index holds a job, its name as a state and its score there; the first in this order counts.
local function locate(id, token)
    local at = call('ZSCORE', ACTIVE, id)
    if at then return 'active', ACTIVE, tonumber(at) end
    at = call('ZSCORE', PAUSED, id)
    if at then return 'paused', PAUSED, tonumber(at) end
    at = call('ZSCORE', DELAYED, id)
    if at then return claims_of(token) > 0 and 'retrying' or 'scheduled', DELAYED, tonumber(at) end
    at = call('ZSCORE', QUEUED, id)
    if at then return 'queued', QUEUED, tonumber(at) end
    at = call('ZSCORE', COMPLETED, id)
    if at then return 'completed', COMPLETED, tonumber(at) end
    at = call('ZSCORE', FAILED, id)
    if at then return 'failed', FAILED, tonumber(at) end
    at = call('ZSCORE', CANCELLED, id)
    if at then return 'cancelled', CANCELLED, tonumber(at) end
    return nil
end

