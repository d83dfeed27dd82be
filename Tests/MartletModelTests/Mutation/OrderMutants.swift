// Mistakes in the order of jobs that share a ms.

@testable import MartletQueue

extension Mutant {
    static let ofOrder = [
        Mutant("the clock may go back", .enqueue, "if clock >= now then", "if clock == now then"),
        Mutant(
            "pushes of one ms share a place", .enqueue, "(floor(tonumber(place) * 2048) + 1) / 2048",
            "tonumber(place)"),
        Mutant(
            "a lower id shares the place of a higher one", .enqueue,
            "if before == '' or not (in_bytes and first > before or is_above and is_above(first, before)) then",
            "if before == '' then"),
        Mutant(
            "a lower id shares the place of a higher one in a call", .enqueue,
            "local fits = before and (in_bytes and id > before or is_above and is_above(id, before))",
            "local fits = before"),
        Mutant(
            "a place is shared that scores of its priority cannot tell", .enqueue,
            "fits = shared % rare.spacing(priority) == 0", "fits = true"),
        Mutant("priorities count the wrong way", .enqueue, "shared - priority * step", "shared + priority * step"),
        Mutant(
            "a call does not say who has the last place", .enqueue,
            "last = shared == last_place and before or nil", "last = nil"),
        Mutant("places lose their fractions", .places, "    return same + apart\n", "    return same\n"),
        Mutant(
            "places of a high priority are rounded", .places, "return max(FINEST, math.ldexp(1, exponent - 53))",
            "return FINEST"),
        Mutant(
            "places run ahead of the clock without end", .places,
            "    if is_held and apart > COARSE then return same end\n"),
        Mutant(
            "jobs that fall due together lose their order", .dues, "last.place = last.place + FINEST",
            "last.place = last.place"),
        Mutant(
            "a call does not see who falls due already", .dues, "            if not tail[1] then break end\n",
            "            if true then break end\n"),
        Mutant(
            "a due job with a priority keeps a place that its score cannot tell", .promote,
            "local place = floor(due / apart) * apart", "local place = due"),
        Mutant(
            "due jobs with a priority share a place", .promote, "    if place <= promoted.place then\n",
            "    if false then\n"),
        Mutant(
            "the last promoted place is forgotten", .promote,
            "    if promoted.place then call('HSET', META, 'promoted', promoted.place) end\n"),
        Mutant(
            "the text of a place is cut", .values, "return format(number % 1 == 0 and '%.0f' or '%.17g', number)",
            "return format('%.0f', number)"),
        Mutant("a moment is counted from now", .dues, "max(0, tonumber(at) - now)", "tonumber(at)"),
    ]
}
