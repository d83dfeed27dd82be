// The mutants about what jobs keep of their past, and about the groups of errors.

@testable import MartletQueue

extension Mutant {
    static let ofHistory = [
        Mutant(
            "a job keeps all its attempts", .history, "history-bound",
            .replaced("'\\30' .. sub(list, 1, at - 1)", "'\\30' .. list")),
        Mutant("an error makes more attempts of one", .history, "history-clean", .replaced("'[\\30\\31]'", "'%z'")),
        Mutant("only the last attempt is kept", .history, "history-attempt", .replaced("job.h", "nil")),
        Mutant("a large payload is kept", .history, "history-large", .replaced("#old <= MOST_PAYLOAD and ", "")),
        Mutant("a payload that was replaced is lost", .history, "history-payload", .removed),
        Mutant("a lost attempt of poison is not kept", .sweep, "sweep-failed", .replaced(", 'h',", ", 'zz',")),
        Mutant("a failure is in no group", .attempts, "failure-grouped", .removed),
        Mutant("a crash is in no group", .attempts, "crash-grouped", .removed),
        Mutant("poison of crashes is in no group", .attempts, "poison-grouped", .removed),
        Mutant("poison of dead workers is in no group", .sweep, "sweep-grouped", .removed),
        Mutant("a call counts one failure of a group", .groups, "groups-counted", .replaced("group.count + 1", "1")),
        Mutant("a slot forgets what it had", .groups, "groups-slot", .replaced("had + by", "by")),
        Mutant("slots that are over stay", .groups, "groups-over", .replaced("slot - slots", "0")),
        Mutant("a group's description stays", .groups, "groups-dropped", .removed),
        Mutant("old groups stay", .groups, "groups-old", .removed),
        Mutant("any number of groups is kept", .groups, "groups-bound", .removed),
        Mutant("old groups are shown", .read, "errors-old", .removed),
        Mutant("each sweep takes a sample", .samples, "sample-begun", .always),
        Mutant("a slot in which nothing changed has a sample", .samples, "sample-same", .never),
        Mutant("a time without sweeps is not told", .samples, "sample-gap", .replaced("quiet > ring.quiet", "false")),
        Mutant("no sample is kept", .samples, "sample-added", .removed),
        Mutant(
            "the times of one heartbeat replace others", .times, "times-summed",
            .replaced("(counts[at] or 0) + number", "number + 0")),
        Mutant("a slot has any number of types", .times, "times-bound", .removed),
        Mutant("a slot of times never ends", .times, "times-over", .replaced("slot.at ~= now", "not slot.at")),
        Mutant("times are in no longer slot", .times, "times-longer", .removed),
        Mutant("a slot of times that is over is lost", .times, "times-kept", .removed),
        Mutant("times are not added", .times, "times-added", .removed),
        Mutant("a heartbeat loses its times", .heartbeat, "heartbeat-times", .removed),
        Mutant("after the clock went back no sample is kept", .samples, "sample-back", .removed),
    ]
}
