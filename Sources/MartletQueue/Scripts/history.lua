-- What is kept of a job's past: attempts that failed, and payloads that were replaced.
--
-- needs: runtime values changes
-- gives: with_attempt replace_payload
-- Both are lists with the latest entry first: the character 30 stands between entries, 31 between the words of one.
--   `h`: how it ended (`failed`, `crashed`, `lost`), when, when it was claimed, its worker, its error
--   `j`: when it was replaced, its bytes, the payload; nothing in its place where it is too large
-- A job that has neither pays nothing: who writes a failure has the fields from a command that is needed anyway.
local MOST_ATTEMPTS, MOST_ERROR, MOST_WORKER = 10, 512, 128
local MOST_PAYLOADS, MOST_PAYLOAD = 3, 4096

-- A list with one more entry, and no more than `most`.
local function recorded(list, most, entry)
    local at = 0
    if not list then return entry end
    for _ = 2, most do
        at = find(list, '\30', at + 1, true)
        if not at then return entry .. '\30' .. list end
    end
    return entry .. '\30' .. sub(list, 1, at - 1) --@ history-bound
end

-- A text without the characters that separate, and no longer than `most`.
local function clean(text, most) return (gsub(sub(text, 1, most), '[\30\31]', ' ')) end --@ history-clean

-- Field `h` after one more attempt that failed.
function with_attempt(q, job, how, text)
    local since = match(job.at or '', ' (%d+)$') or ''
    local entry = { how, q.stamp, since, clean(job.worker or '', MOST_WORKER), clean(text, MOST_ERROR) }
    return recorded(job.h, MOST_ATTEMPTS, concat(entry, '\31')) --@ history-attempt
end

-- A job gets another payload; the one that it had is kept.
function replace_payload(q, job, payload)
    local key = q.keys.job .. job.id
    local had = look('HMGET', key, 'p', 'j')
    local old = had[1]
    if old and old ~= payload then
        local is_kept = #old <= MOST_PAYLOAD and not find(old, '[\30\31]') --@ history-large
        local entry = concat({ q.stamp, #old, is_kept and old or '' }, '\31')
        write(q, 'HSET', key, 'j', recorded(had[2], MOST_PAYLOADS, entry)) --@ history-payload
    end
    write(q, 'HSET', key, 'p', payload)
end
