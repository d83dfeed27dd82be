// Fuzzes what origin servers say: whatever their heads hold, what is written fits what was asked for and the limit.

import MartletJobs
import NIOHTTP1

@testable import MartletDownloads

/// The status from two bytes, how many bytes are here, the limit; then headers, one on each line.
func fuzzAnswers(_ input: Input) {
    var input = input
    let status = 100 + (Int(input.byte()) << 8 | Int(input.byte())) % 500
    let (held, known, limit) = (input.integer(), input.integer(), input.integer())
    var headers = HTTPHeaders()
    while !input.isEmpty, headers.count < 20 {
        let pair = input.words().split(separator: ":", maxSplits: 1)
        // The HTTP parser lets nothing else be a name.
        guard pair.count == 2, pair[0].utf8.allSatisfy({ (0x21..<0x7F).contains($0) }) else { continue }
        headers.add(name: String(pair[0]), value: String(pair[1].drop { $0 == " " }))
    }
    let head = ResponseHead(status: status, headers: headers, receivedAt: 1_700_000_000)
    if let wait = head.retryAfter { check((.zero...Duration.seconds(3600)).contains(wait), "a wait of \(wait)") }
    if case .value(let range) = head.contentRange { checkRange(range) }
    for request in [Request.whole, .rest(from: held, ifRange: "\"a\"")] {
        if case .rest(let start, _) = request, start <= 0 { continue }
        let checkpoint = DownloadCheckpoint(
            offset: held, version: RemoteVersion(etag: "\"a\""), total: known > 0 ? known : nil)
        let rules = ResponseRules(request: request, known: checkpoint, limit: limit, source: "origin")
        check(rules.action(head), request, limit)
    }
}

private func checkRange(_ range: ContentRange) {
    let bytes = range.bytes.map { "\($0.lowerBound)-\($0.upperBound)" } ?? "*"
    let text = "bytes \(bytes)/\(range.total.map(String.init) ?? "*")"
    check(ContentRange(text) == range, "\(range) written as \(text) is another")
    if let bytes = range.bytes { check(bytes.upperBound < range.total ?? .max, "\(text) ends behind the end") }
}

private func check(_ answer: ResponseAction, _ request: Request, _ limit: Int64) {
    guard case .write(let plan) = answer else { return }
    check(plan.start <= plan.end ?? .max, "\(plan) ends before it begins")
    check(plan.end ?? 0 <= plan.total ?? .max, "\(plan) ends behind the end")
    // A size that is known is judged before a byte is written.
    check(max(plan.total ?? .min, plan.end ?? .min) <= limit, "\(plan) is beyond the limit \(limit)")
    switch request {
    case .rest(let start, _): check(plan.start == start || plan.start == 0, "\(plan) does not go on at \(start)")
    case .whole, .nothing: check(plan.start == 0, "\(plan) is no whole file")
    }
}
