// The mutants of the scripts: mistakes of a careless change that the tests must detect, one at a time.

@testable import MartletQueue

/// One mistake.
struct Mutant: Sendable, CustomStringConvertible {
    /// What it breaks.
    var description: String
    var change: Change
    /// Why nothing can detect it, if so.
    var survives: String?

    init(
        _ description: String, _ file: ScriptFile, _ anchor: String, _ edit: Change.Edit, survives: String? = nil
    ) {
        self.description = description
        change = Change(file: file, anchor: anchor, edit: edit)
        self.survives = survives
    }

    static let all =
        ofPushes + ofTurns + ofAttempts + ofClaims + ofTheEnd + ofChanges + ofBeats + ofSweeps + ofControl + ofSettings
        + ofDamage + ofRemoval + ofOrder + ofEvents + ofTrail + ofHistory + ofLimitObjects + ofLimits + ofExplanations
        + ofHolds

    private static let ofPushes = [
        Mutant(
            "a push forgets the last of its fields", .enqueue, "push-extras", .replaced("job.last", "job.last - 2")),
        Mutant("a push is not counted", .enqueue, "push-counted", .removed),
        Mutant("another digest is the same job", .enqueue, "push-digest", .removed),
        Mutant("a tombstone is not looked at", .enqueue, "push-tombstone", .removed),
        Mutant("a unique key is not looked at", .enqueue, "push-unique", .removed),
        Mutant("a unique key may come twice in one push", .enqueue, "push-taken", .removed),
        Mutant("half of an atomic push stays", .enqueue, "push-atomic", .removed),
        Mutant("a push does not say when it was", .enqueue, "push-place", .removed),
        Mutant("a delay is ignored", .enqueue, "push-delay", .never),
        Mutant("a push wakes nobody", .enqueue, "push-wakes", .removed),
        Mutant("a delayed push wakes nobody", .enqueue, "push-alarm", .removed),
        Mutant(
            "any priority will do", .enqueue, "push-priority",
            .replaced("LEAST_PRIORITY, MOST_PRIORITY", "-100000, 100000")),
        Mutant("any id will do", .enqueue, "push-id", .never),
        Mutant(
            "what is no number is one", .runtime, "whole",
            .replaced("not find(text, '^%-?%d+$')", "not tonumber(text)")),
    ]

    private static let ofTurns = [
        Mutant(
            "any token completes a job", .turn, "turn-held",
            .replaced("stored == token or stored and", "stored or")),
        Mutant("a job completes twice in one call", .turn, "turn-once", .replaced(" and not ended[id]", "")),
        Mutant(
            "a star from outside hides what the end has to look at", .turn, "turn-token",
            .replaced(" or byte(token, -1) == 42", "")),
        Mutant(
            "a minus from outside completes what has ended", .turn, "turn-token",
            .replaced("byte(token) == 45 or ", "")),
        Mutant(
            "any nonce will do", .turn, "turn-nonce",
            .replaced("(number < 1 or number > MOST_EXACT or not find(nonce, '^%w+$'))", "number < 1")),
        Mutant("a completed job stays active", .turn, "turn-removed", .removed),
        Mutant("a completed job keeps its token", .turn, "turn-spent", .replaced("'-' .. tokens[i]", "tokens[i]")),
        Mutant("a job that is not kept is not counted", .turn, "turn-deleted", .removed),
        Mutant("a completion is not counted", .turn, "turn-completed", .removed),
        Mutant("a pause is ignored", .turn, "turn-paused", .never),
        Mutant(
            "the limit is for each call", .turn, "turn-limit",
            .replaced("q.limit - call('ZCARD', keys.active)", "q.limit")),
        Mutant("an older call is executed", .turn, "turn-number", .replaced("<=", "==")),
        Mutant("a repeated call is executed again", .turn, "turn-number", .replaced("<=", "<")),
        Mutant("a claim is not remembered", .turn, "turn-remembered", .removed),
        Mutant("a claimed job stays in line", .turn, "turn-line", .removed),
        Mutant("one too many leaves the line", .turn, "turn-line", .replaced("n - 1", "n")),
        Mutant("a claim's own lease is not looked at", .turn, "turn-own-lease", .removed),
        Mutant("a lease is over at once", .turn, "turn-lease", .replaced("q.now + q.lease", "q.now")),
        Mutant("a claim promotes nothing", .turn, "turn-promotes", .never),
        Mutant("a released job wakes nobody", .turn, "turn-wakes", .replaced("released - n", "0")),
        Mutant("a freed slot wakes nobody", .turn, "turn-room", .removed),
        Mutant("tokens for nobody stay", .turn, "turn-tokens", .removed),
        Mutant(
            "a backlog of finished jobs never shrinks", .turn, "turn-backlog",
            .replaced("2 * completed", "completed")),
        Mutant("finished jobs are not trimmed", .turn, "turn-trims", .never),
    ]

    private static let ofAttempts = [
        Mutant("any token ends an attempt", .attempts, "fenced", .removed),
        Mutant("a spent token is accepted", .values, "is-token", .replaced("byte(token) ~= 45 and ", "")),
        Mutant(
            "a token with a star is as good as one without", .values, "is-token",
            .replaced(" and byte(token, -1) ~= 42", "")),
        Mutant("a repeat is called stale", .attempts, "repeated", .removed),
        Mutant("an attempt ends twice in one call", .attempts, "settled-once", .removed),
        Mutant("a wanted cancel is forgotten", .attempts, "cancel-wanted", .never),
        Mutant("a wanted pause is forgotten", .attempts, "pause-wanted", .never),
        Mutant("a stop stays wanted of an ended job", .attempts, "end-unwanted", .removed),
        Mutant("a stop stays wanted of a paused job", .attempts, "pause-unwanted", .removed),
        Mutant("one retry too few", .attempts, "retries", .replaced("failures > retries", "failures >= retries")),
        Mutant(
            "a retry does not wait", .attempts, "retry-waits",
            .replaced("due_at(q, q.now + delay, job.id), true", "q.now, false")),
        Mutant(
            "a job with progress keeps its token", .attempts, "spent-progress",
            .replaced("'k', '-' .. token, ", "")),
        Mutant("a failed job keeps its token", .attempts, "spent", .replaced("'-' .. token", "token")),
        Mutant(
            "since when a type is unknown begins again each time", .attempts, "unknown-since",
            .replaced("job.s or ", "")),
        Mutant("a type that became known stays unknown", .attempts, "known-again", .removed),
        Mutant("a job that is put off does not say why", .attempts, "put-off-why", .removed),
        Mutant("a release loses its place", .attempts, "release-place", .replaced("place_of(job.at)", "nil")),
    ]

    private static let ofClaims = [
        Mutant("a replay renews no lease", .claims, "replay-lease", .removed),
        Mutant(
            "a replay shows what others hold", .claims, "replay-nonce",
            .replaced(" and match(token, ':([^*]*)') == nonce", "")),
        Mutant("the fencing number starts again", .claims, "claim-number", .replaced("claims_of(job.k) + 1", "1")),
        Mutant("a token hides a unique key", .claims, "claim-star", .replaced("needs_more(job) and '*' or ''", "''")),
        Mutant("a claim forgets the priority of a place", .claims, "claim-place", .removed),
        Mutant("a claim takes more last chances than asked for", .claims, "chance-used", .removed),
        Mutant(
            "a job that waits uses up the last chance of another", .claims, "claim-waits",
            .replaced("if on_claim", "if is_last_chance then claim.chances = claim.chances - 1 end if on_claim")),
        Mutant("a spent token counts no claims", .values, "claims", .replaced("'^%-?(%d+)'", "'^(%d+)'")),
        Mutant("priorities count the wrong way later", .values, "score", .replaced("t - ", "t + ")),
        Mutant("the clock may go back later", .places, "clock-forward", .replaced("<", "~=")),
        Mutant(
            "the last claim's time is lost", .values, "moved",
            .replaced(" .. (at and match(at, ' %d+$') or '')", "")),
        Mutant("a promoted job stays delayed", .promote, "promoted-removed", .removed),
        Mutant("a promoted job loses its priority", .promote, "promoted", .removed),
        Mutant("what is not due is promoted", .promote, "promote-due", .replaced("'-inf', until_", "'-inf', '+inf'")),
        Mutant("an entry in two indexes is claimed", .claims, "elsewhere", .replaced(" or is_elsewhere", "")),
        Mutant("a corrupt job is handed out", .claims, "corrupt", .never),
        Mutant("a ghost is handed out", .claims, "ghost", .removed),
    ]

    private static let ofTheEnd = [
        Mutant("a unique key is never free again", .finish, "unique-freed", .removed),
        Mutant(
            "a unique key is freed for whoever holds it", .finish, "unique-freed",
            .replaced(" and call('HGET', unique, job.u) == job.id", ""),
            survives:
                "a job that ends holds its key: it got it when it was pushed or retried, and only its own end frees "
                + "it. The look is for damage alone."),
        Mutant("a deleted id leaves no digest", .finish, "tombstone-digest", .removed),
        Mutant("a deleted id leaves no tombstone", .finish, "tombstone", .removed),
        Mutant("a deletion is not counted", .finish, "deleted", .removed),
        Mutant("an end is not counted", .finish, "end-counted", .removed),
        Mutant("jobs not to be kept by number are kept", .finish, "not-kept", .replaced(" or most == 0", "")),
        Mutant("the last minute is not spared", .finish, "fresh", .replaced("q.now - FRESH_MS", "q.now")),
        Mutant("finished jobs go before their time", .finish, "past-age", .replaced("q.now - age", "q.now")),
    ]

    private static let ofChanges = [
        Mutant("nothing leaves where it was", .changes, "removed", .removed),
        Mutant("a moved job stays where it was", .moves, "moved-out", .removed),
        Mutant("counts are lost", .changes, "counted", .removed),
        Mutant("a forgotten job's hash stays", .changes, "unlinked", .removed),
        Mutant("the latest place is not kept", .changes, "clock-kept", .removed),
        Mutant("a paused queue wakes workers", .wake, "halted", .replaced(" or q.halted == 1", "")),
        Mutant("wake tokens pile up", .wake, "wake-limit", .removed),
        Mutant("a new head of those that wait wakes nobody", .wake, "alarm", .removed),
    ]

    private static let ofBeats = [
        Mutant("progress does not say when it was", .heartbeat, "heartbeat-progress", .replaced(", 'v', q.stamp", "")),
        Mutant("any token extends a lease", .heartbeat, "heartbeat-held", .replaced("is_held(job.k, token) and ", "")),
        Mutant("a wanted stop does not end renewals", .heartbeat, "heartbeat-stop", .removed),
        Mutant("a timeout does not end renewals", .heartbeat, "heartbeat-timeout", .removed),
        Mutant("a checkpoint does not end the count of losses", .heartbeat, "heartbeat-losses", .removed),
        Mutant(
            "a checkpoint hides the losses before it", .heartbeat, "heartbeat-losses",
            .replaced("lost .. ' ' .. lost", "0")),
        Mutant("all losses count towards poison", .values, "losses", .replaced("max(0, all - before)", "all")),
        Mutant("a heartbeat's own lease is ignored", .heartbeat, "heartbeat-own-lease", .removed),
        Mutant("every heartbeat writes a lease", .heartbeat, "heartbeat-third", .always),
        Mutant("a heartbeat shortens a lease", .heartbeat, "heartbeat-longer", .always),
        Mutant(
            "a wanted stop is not told", .heartbeat, "heartbeat-want",
            .replaced("want and { left, want } or left", "left")),
    ]

    private static let ofSweeps = [
        Mutant("a loss does not say when it was", .sweep, "sweep-lost", .replaced(", 'v', q.stamp", "")),
        Mutant("no grace after an outage", .sweep, "sweep-grace", .removed),
        Mutant(
            "no grace when the clock goes back", .sweep, "sweep-back",
            .replaced("swept and q.now < swept", "false")),
        Mutant("poison is retried forever", .sweep, "sweep-poison", .never),
        Mutant("a cancelled job of a dead worker runs again", .sweep, "sweep-cancel", .never),
        Mutant("a paused job of a dead worker runs again", .sweep, "sweep-pause", .never),
        Mutant(
            "a dead worker's token lives", .sweep, "sweep-spent",
            .replaced("'-' .. claims_of(job.k) .. ':'", "job.k")),
        Mutant("a stop stays wanted of a job taken back", .sweep, "sweep-unwanted", .removed),
        Mutant("a held job is taken back", .sweep, "sweep-over", .replaced("'-inf', q.now", "'-inf', '+inf'")),
        Mutant("a tombstone's digest stays", .sweep, "sweep-tombstones", .removed),
        Mutant("workers are forgotten while they work", .sweep, "sweep-silent", .replaced(" - SILENT_MS", "")),
        Mutant("a worker that claims without heartbeats is forgotten", .sweep, "sweep-noted", .never),
        Mutant("what a sweep promotes wakes nobody", .sweep, "sweep-wakes", .removed),
        Mutant("a slot freed by a sweep wakes nobody", .sweep, "sweep-room", .removed),
    ]

    private static let ofControl = [
        Mutant("a paused job forgets its priority's place", .control, "pause-place", .removed),
        Mutant("a pause undoes a cancel", .control, "stop-cancel", .removed),
        Mutant("a resume undoes a cancel", .control, "resume-cancel", .removed),
        Mutant("a retry takes a key that another holds", .control, "retry-unique", .removed),
        Mutant("a retry keeps since when a type was unknown", .control, "retry-fresh", .replaced(", 's'", "")),
        Mutant("a change by hand does not say when it was", .control, "control-changed", .removed),
        Mutant("a retry keeps its payload", .control, "retry-payload", .removed),
        Mutant("a queued job keeps its payload", .control, "queued-payload", .removed),
        Mutant("a running job gets another payload", .control, "edit-state", .never),
        Mutant("a finished job gets another priority", .control, "edit-final", .never),
        Mutant("a checkpoint outlives its payload", .control, "edit-fresh", .removed),
        Mutant("an edited job keeps its payload", .control, "edit-payload", .removed),
        Mutant("every verb says that it has changed its job", .control, "control-says", .becomes("result[3] = 1")),
        Mutant("a retry does not take its key again", .control, "retry-holds", .removed),
        Mutant("a retry keeps its failures", .control, "retry-fresh", .removed),
        Mutant("a job is deleted before its end", .control, "delete-final", .removed),
        Mutant(
            "a new priority counts the wrong way", .control, "patch-score",
            .replaced("priority_of(job.r) - priority", "priority - priority_of(job.r)")),
        Mutant("a new priority is not kept", .control, "patch-priority", .removed),
        Mutant("a stop request is not counted", .control, "control-stops", .removed),
        Mutant(
            "a token hides a wanted stop", .control, "stop-starred",
            .replaced("is_starred(job.k) and job.k or job.k .. '*'", "job.k")),
        Mutant("a resumed job does not wait for its time", .control, "resume-early", .removed),
        Mutant(
            "an id named twice is judged by what it was", .control, "control-each",
            .becomes(
                "local now = commit commit = function() end for i = 5, #args do results[#results + 1] = operate(q, task, act, args[i]) end commit = now if not task.is_dry then commit(q) end"
            )),
        Mutant("a dry run writes", .control, "control-commit", .becomes("commit(q)")),
        Mutant("a dry run gives one key to two jobs", .control, "retry-taken", .removed),
        Mutant("a resumed job wakes nobody", .control, "control-wakes", .removed),
    ]

    private static let ofSettings = [
        Mutant("the step changes under waiting jobs", .configure, "step-busy", .never),
        Mutant("a pause is not in the plan", .configure, "pause-planned", .becomes("return { 'ok' }")),
        Mutant("a resume is not in the plan", .configure, "resume-planned", .becomes("return { 'ok' }")),
        Mutant(
            "a resume wakes nobody", .configure, "resume-wakes",
            .replaced(" else wake(q, call('ZCARD', q.keys.queued))", "")),
        Mutant("a higher limit wakes nobody", .configure, "limit-wakes", .removed),
        Mutant("a bad setting is taken", .configure, "settings-checked", .removed),
        Mutant("a late pause of all counts", .configure, "pause-all-late", .removed),
        Mutant("a newer queue is written to", .runtime, "schema", .removed),
        Mutant(
            "the environment wins over what was set", .configure, "environment",
            .replaced("call('HGET', meta, name .. '_env') ~= value", "true")),
    ]
}
