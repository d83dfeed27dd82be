// The mutants about the order of jobs that share a ms.

@testable import MartletQueue

extension Mutant {
    static let ofOrder = [
        Mutant("the clock may go back", .enqueue, "push-clock", .replaced("<", "~=")),
        Mutant(
            "pushes of one ms share a place", .enqueue, "push-next",
            .replaced("(floor(tonumber(place) * 2048) + 1) / 2048", "tonumber(place)")),
        Mutant(
            "a lower id shares the place of a higher one", .enqueue, "push-shares",
            .replaced(" and is_behind(first, before)", "")),
        Mutant(
            "a lower id shares the place of a higher one in a call", .enqueue, "line-behind",
            .replaced(" and is_behind(id, push.before)", "")),
        Mutant(
            "a place is shared that scores of its priority cannot tell", .enqueue, "line-spacing",
            .replaced("push.shared % spacing(q, priority) == 0", "true")),
        Mutant(
            "priorities count the wrong way", .enqueue, "line-score",
            .replaced("shared - priority", "shared + priority")),
        Mutant(
            "a call does not say who has the last place", .enqueue, "push-last",
            .replaced("push.shared == last_place and push.before or nil", "nil")),
        Mutant("places lose their fractions", .places, "next-fraction", .replaced("same + apart", "same")),
        Mutant("places of a high priority are rounded", .places, "spacing", .becomes("return FINEST")),
        Mutant("places run ahead of the clock without end", .places, "shared-ahead", .removed),
        Mutant("jobs that fall due together lose their order", .dues, "due-next", .removed),
        Mutant("a call does not see who falls due already", .dues, "due-tail", .always),
        Mutant(
            "a due job with a priority keeps a place that its score cannot tell", .promote, "due-rounded",
            .replaced("floor(due / apart) * apart", "due")),
        Mutant("due jobs with a priority share a place", .promote, "promoted-behind", .never),
        Mutant("the last promoted place is forgotten", .promote, "promoted-kept", .removed),
        Mutant(
            "the text of a place is cut", .values, "digits",
            .replaced("number % 1 == 0 and '%.0f' or '%.17g'", "'%.0f'")),
        Mutant(
            "a moment is counted from now", .dues, "moment",
            .replaced("max(0, tonumber(at) - q.now)", "tonumber(at)")),
    ]
}
