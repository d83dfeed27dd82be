-- The change of a job's state: into one index and out of another.
--
-- needs: changes limits hooks
-- Out of the index that is the job's state.
local function leave(q, job, index)
    if index == 'active' then
        on_leave_active(q, job)
    elseif job.lw then
        limits.leave_wait(q, job, index)
        write(q, 'HDEL', q.keys.job .. job.id, 'lw') --@ wait-unnamed
    end
    drop(q, job.id, index)
end

-- The change of a job's state: into index `to` at `place`, out of index `from`.
local function move(q, job, from, to, place)
    enter(q, job.id, to, place)
    if from ~= to then leave(q, job, from) end --@ moved-out
end
