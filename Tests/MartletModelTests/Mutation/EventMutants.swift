// Mistakes in what listeners are told.

@testable import MartletQueue

extension Mutant {
    static let ofEvents = [
        Mutant("nobody is heard", .runtime, "listens", .never),
        Mutant("who has gone is told on", .runtime, "listens", .always),
        Mutant("what happened is not published", .runtime, "published", .removed),
        Mutant("jobs that share a head are left out", .events, "noted", .removed),
        Mutant("the plan does not say who listens", .plan, "plan-listen", .never),
        Mutant("a listener that has gone stays in the plan", .sweep, "sweep-unheard", .removed),
        Mutant("a new queue does not know who listens to all", .configure, "create-listens", .never),
        Mutant("a changed setting is not told", .configure, "configured-told", .removed),
        Mutant("a pause is not told", .configure, "pause-told", .removed),
        Mutant("a pause of all is told with each repetition", .configure, "pause-all-again", .removed),
        Mutant("a time in which nobody listened is not told", .configure, "listen-gap", .replaced("q.log and ", "")),
        Mutant("an empty stream has no place to go on from", .configure, "listen-gap", .replaced(" and last[1]", "")),
        Mutant(
            "what a listener missed is not seen", .configure, "listen-whole", .replaced("args[3] == '' or", "true or")),
        Mutant("a push is not told", .enqueue, "push-announced", .removed),
        Mutant("a scheduled job is told as queued", .enqueue, "push-told", .becomes("local waits = false")),
        Mutant("a completion is not told", .turn, "turn-told", .removed),
        Mutant("a start is not told", .turn, "started-told", .removed),
        Mutant("a deletion is not told", .finish, "deleted-told", .removed),
        Mutant("the end of a job is not told", .finish, "finish-told", .removed),
        Mutant("a due job is not told", .promote, "promoted-told", .removed),
        Mutant("an attempt that ended is not told", .attempts, "back-told", .removed),
        Mutant("a last chance is not told", .claims, "chance-told", .removed),
        Mutant("progress is not told", .heartbeat, "heartbeat-told", .removed),
        Mutant("a claim that was cut short is not told", .sweep, "unclaimed-told", .removed),
        Mutant("a loss is not told", .sweep, "lost-told", .removed),
        Mutant("a verb is not told", .control, "control-told", .removed),
        Mutant("a dry run is told", .control, "control-dry-told", .removed),
        Mutant(
            "the end of a queue takes its stream along", .remove, "delete-told",
            .replaced("not (q.log and ", "not (false and ")),
        Mutant("a repair is not told", .repair, "repair-told", .removed),
    ]
}
