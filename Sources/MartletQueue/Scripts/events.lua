-- What listeners hear: the events of a call are gathered here, and published in one entry when it ends.
--
-- needs: runtime
-- An entry has pairs of a head and what belongs to it, in the order in which it happened:
--   `<kind>` or `<kind> <type>`, or `started <type>` and behind a line break the worker: ids, with blanks between them
--   `=<kind>`: one job: id, state, due ms, failures and a text, with blanks between them; what there is not is `-`
--   `#<kind>`: something of the queue itself, and a text
-- Callers check `q.log` first: without listeners nothing else happens.
local events = {}

-- An event of a job of which the head says all; those with one head that stand behind one another share it.
function events.note(q, head, id)
    local log = q.log
    local n = #log
    if log[n - 1] == head then
        local ids = log[n]
        ids[#ids + 1] = id --@ noted
    else
        log[n + 1], log[n + 2] = head, { id }
    end
end

function events.note_all(q, head, ids)
    for i = 1, #ids do events.note(q, head, ids[i]) end
end

local MOST_TEXT = 256
-- An event of a job with more to say.
function events.tell(q, kind, id, state, due, failures, text)
    local log = q.log
    local n = #log
    log[n + 1] = '=' .. kind
    log[n + 2] = concat({
        id, state or '-', due and format('%.0f', floor(due)) or '-', failures or '-', sub(text or '', 1, MOST_TEXT),
    }, ' ') --@ told
end

-- An event of the queue.
function events.of_queue(q, kind, text)
    local log = q.log
    local n = #log
    log[n + 1], log[n + 2] = '#' .. kind, text or ''
end
