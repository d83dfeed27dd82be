-- The points at which features join the life of a job, and the rule that says which jobs have any.
--
-- needs: changes limits usage waiters
-- Common jobs pass none of this: a token without a star tells `turn` that there is nothing to look at.

-- Whether the end of a job's attempt has more to look at than its token. The stored token then has a star.
local function needs_more(job)
    for i = 1, #MORE_FIELDS do
        if job[MORE_FIELDS[i]] then return true end
    end
    return false
end

-- A job of the line is about to be handed out. A reason says that it cannot be now, and what it waits for.
local function on_claim(q, job, place)
    if job.lk or job.lw or q.limited > 1 then return limits.admit(q, job, place) end --@ claim-limited
    return nil
end

-- A job that needs more leaves `active`, whatever for: what its claim took is released.
local function on_leave_active(q, job)
    if job.lk or job.lh then limits.release(q, job) end
end

-- A job that needs more has come to its end, in this final state.
local function on_final(_, _, _) end
