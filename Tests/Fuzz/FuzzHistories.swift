// Fuzzes what is stored of the past: histograms, rings, the audit trail, and the trace of a push.

import FoundationEssentials
import MartletJSON
import MartletJobs

@testable import MartletHTTP
@testable import MartletQueue
@testable import MartletRedis

/// A line each for times, a place in the trail, `traceparent` and `tracestate`; then fields of an entry.
func fuzzHistories(_ input: Input) {
    var input = input
    checkTimes(input.words())
    checkPlace(input.words())
    let (parent, state) = (input.words(), input.words())
    checkTrace(parent, state)
    checkEntry(input)
}

/// Times are stored as they were read, their quantiles rise, and nothing is too many to be added.
private func checkTimes(_ text: String) {
    var times = JobTimes(stored: text)
    check(JobTimes(stored: times.text) == times, "\(text) is stored as \(times.text)")
    for histogram in [times.wait, times.run] where histogram.count > 0 {
        let quantiles = [0, 0.5, 0.95, 0.99, 1].compactMap { histogram.quantile($0) }
        check(quantiles.count == 5 && quantiles == quantiles.sorted(), "quantiles \(quantiles) of \(text)")
    }
    let count = times.run.count
    for _ in 0..<64 { times.merge(times) }
    check((times.run.count > 0) == (count > 0) && times.run.count >= count, "\(count) became \(times.run.count)")
}

private func checkPlace(_ text: String) {
    guard let position = TrailPosition(text) else { return }
    check(TrailPosition(position.description) == position, "\(text) is written as \(position), another place")
}

/// What is taken is kept byte for byte.
private func checkTrace(_ parent: String, _ state: String) {
    guard let trace = TraceContext(traceparent: parent, tracestate: state) else { return }
    check(trace.traceparent == parent && trace.tracestate == state, "\(parent) and \(state) became \(trace.stored)")
    check(TraceContext(stored: trace.stored) == trace && trace.traceID.utf8.count == 32, "the stored \(trace.stored)")
}

/// The same fields as an entry of the trail and of both kinds of rings.
private func checkEntry(_ input: Input) {
    var (input, words): (Input, [RedisValue]) = (input, [])
    while !input.isEmpty, words.count < 200 {
        let line = input.line()
        let name = line.prefix { $0 != UInt8(ascii: "=") }
        words += [.bytes(Array(name)), .bytes(Array(line.dropFirst(name.count + 1)))]
    }
    let entry = RedisValue.array([.bytes(Array("1700000000000-1".utf8)), .array(words)])
    if let entry = TrailEntry(entry, trail: "default") { checkJSON(entry.json) }
    guard let ring = RingEntry(entry) else { return }
    check(ring.at >= 0, "a time before all times")
    for ring in TimeRing.allCases {
        for slot in [TimeSlot(entry, name: nil), TimeSlot(open: words, ring: ring, name: "t")] {
            guard let slot else { continue }
            check(slot.start >= 0 && slot.times.run.count >= 0, "a slot that begins at \(slot.start)")
        }
    }
}
