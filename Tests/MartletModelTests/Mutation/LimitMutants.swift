// The mutants about limits: what counts, who waits, and when who comes back.

@testable import MartletQueue

extension Mutant {
    static let ofLimits = [
        Mutant("the limit of a class means nothing", .limits, "limit-class", .never),
        Mutant("a key has capacity above its limit", .limits, "capacity-concurrency", .never),
        Mutant("a full key opens by time", .limits, "opening-full", .replaced("huge", "q.now + 1")),
        Mutant("a queue forgets who waits for limits that are gone", .limits, "limited-waits", .never),
        Mutant("a changed limit brings nobody back", .limit, "limit-changed", .removed),
        Mutant("the kinds of limits are not kept", .limits, "limited-kept", .removed),
        Mutant("the plan does not tell of limits", .plan, "plan-limited", .never),
        Mutant("what runs is not counted", .usage, "usage-counted", .replaced("entry.used + weight", "entry.used")),
        Mutant("an end releases nothing", .usage, "usage-released", .removed),
        Mutant("a start does not count for the rate", .usage, "rate-start", .replaced("weight * ", "0 * ")),
        Mutant("starts are forgotten", .usage, "rate-kept", .removed),
        Mutant(
            "who is back in line is not counted", .usage, "standing-counted",
            .replaced("entry.standing + weight", "entry.standing")),
        Mutant("a type is no key", .usage, "implicit-type", .removed),
        Mutant("a tag is no key", .usage, "implicit-tag", .removed),
        Mutant("the keys of a type are those of no claim", .waiters, "implicit-held", .replaced("+ 1", "+ 2")),
        Mutant("a job overtakes a heavy one that waits", .waiters, "waiter-ahead", .becomes("return false")),
        Mutant("no key is in a job's way", .waiters, "obstacle", .never),
        Mutant("who waits is not among the waiters", .waiters, "waiter-added", .removed),
        Mutant("a blocked job names no key", .waiters, "blocked-names", .removed),
        Mutant("who has left stays among the waiters", .waiters, "waiter-left", .removed),
        Mutant("a key is not looked at when a waiter has left", .waiters, "wait-touched", .removed),
        Mutant("a key without waiters stays", .waiters, "opens-removed", .becomes("return")),
        Mutant("it is not noted when a key opens", .waiters, "opens-noted", .removed),
        Mutant("no waiter comes back", .waiters, "reopen-touched", .never),
        Mutant("no key opens by time", .waiters, "opens-due", .becomes("local due = {}")),
        Mutant("a worker is not told when a key opens", .waiters, "opening-next", .becomes("return -1")),
        Mutant("a job that weighs too much is taken", .waiters, "push-heavy", .replaced("weight > 1", "false")),
        Mutant(
            "a common job passes the limit of its type", .turn, "common-unlimited",
            .replaced("q.limited % 4 < 2", "true")),
        Mutant("a blocked job is in the way of others", .turn, "further", .replaced("out.n < out.room", "false")),
        Mutant("an end brings nobody back", .turn, "ends-reopen", .removed),
        Mutant("a claim brings nobody back", .turn, "claim-reopens", .removed),
        Mutant("a job with keys ends past its unique key", .turn, "turn-only-keys", .removed),
        Mutant("a turn counts nothing", .turn, "turn-counted", .removed),
        Mutant("nobody is woken for who came back behind a claim", .turn, "turn-late", .removed),
        Mutant("a claim forgets when keys open", .turn, "claim-opening", .removed),
        Mutant("a push does not look at limits", .enqueue, "push-blocks", .never),
        Mutant("a pushed job is not among the waiters", .enqueue, "push-waits", .removed),
        Mutant("a pushed job does not name its key", .enqueue, "push-names", .removed),
        Mutant("a pushed job that waits is in no index", .enqueue, "push-placed", .removed),
        Mutant("a push does not note when its key opens", .enqueue, "push-finished", .removed),
        Mutant("a verb brings nobody back", .control, "control-finished", .removed),
        Mutant("a sweep brings nobody back", .sweep, "sweep-opens", .becomes("return 0")),
        Mutant("a drain brings nobody back", .remove, "remove-finished", .removed),
        Mutant("a job passes all limits", .hooks, "claim-limited", .never),
        Mutant("who leaves the line still names a key", .moves, "wait-unnamed", .removed),
        Mutant("nobody hears of a blocked job", .waiters, "blocked-told", .never),
        Mutant(
            "what another rate has left counts", .limits, "start-bounded",
            .replaced("min(next_start, ", "max(next_start, ")),
        Mutant("what bounds a start moves on with the clock", .usage, "bound-kept", .never),
        Mutant(
            "a paused key opens with its override", .limits, "limit-changes", .becomes("changes_at = override_until,")),
        Mutant(
            "a key's own pause hides the limit of its class", .limits, "base-own",
            .becomes("if limit then return limit, key end")),
        Mutant("a job that its worker does not know has started", .attempts, "unknown-start", .never),
        Mutant(
            "a start is taken back twice", .usage, "start-taken-back", .replaced("list[i + 1] *", "2 * list[i + 1] *")),
        Mutant("nobody is woken for an opening", .waiters, "opening-alarm", .never),
        Mutant("nobody is woken for an opening that an end brings", .turn, "turn-opening", .removed),
        Mutant(
            "nobody is woken for an opening when the claim of the turn is a replay", .turn, "turn-opening",
            .replaced("limits.wake_for_opening(q)", "if n >= asked then limits.wake_for_opening(q) end")),
        Mutant("another worker is woken for an opening that a claim tells of", .turn, "claim-tells", .removed),
        Mutant("a change of a class reaches no key", .waiters, "class-due", .removed),
        Mutant("nobody hears that a job is back", .waiters, "unblocked-told", .never),
    ]
}
