// Every kind of answer to a request for the whole file and to one for its rest: what is written, and what never is.

import MartletJobs
import NIOHTTP1
import Testing

@testable import MartletDownloads

/// What must come of an answer.
enum ExpectedAction: Equatable, Sendable {
    case writeWhole(size: Int64?)
    case writeRest(end: Int64, total: Int64?)
    case complete
    case requestWhole
    case fail(DownloadError.Code)

    init(_ answer: ResponseAction) {
        switch answer {
        case .write(let plan) where plan.start == 0: self = .writeWhole(size: plan.end)
        case .write(let plan): self = .writeRest(end: plan.end ?? -1, total: plan.total)
        case .complete: self = .complete
        case .requestWhole: self = .requestWhole
        case .redirect: self = .fail(.tooManyRedirects)
        case .fail(let error): self = .fail(error.code)
        }
    }
}

/// One answer: its status, its headers as one text with `;` between them, and what must come of it.
struct Case: CustomTestStringConvertible, Sendable {
    var status: Int
    var headers: String
    var fate: ExpectedAction

    init(_ status: Int, _ headers: String, _ fate: ExpectedAction) {
        self.status = status
        self.headers = headers
        self.fate = fate
    }

    var testDescription: String { "\(status) \(headers)" }

    var head: ResponseHead {
        let pairs = headers.split(separator: ";").map { text -> (String, String) in
            let pair = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let name = ["L": "Content-Length", "R": "Content-Range", "E": "ETag", "M": "Last-Modified"]
            return (name[String(pair[0])] ?? String(pair[0]), String(pair[1]))
        }
        return ResponseHead(status: status, headers: HTTPHeaders(pairs), receivedAt: 1_000_000_000)
    }
}

@Suite struct ResponseRulesTests {
    private static let old = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let new = "Sun, 06 Nov 1994 08:49:39 GMT"

    private func action(_ one: Case, _ request: Request, _ version: RemoteVersion?, total: Int64?) -> ExpectedAction {
        let known = DownloadCheckpoint(offset: 100, version: version, total: total)
        return ExpectedAction(
            ResponseRules(request: request, known: known, limit: 1000, source: "http://h.example/a").action(one.head))
    }

    /// 100 of 300 bytes are here, of the version "v".
    @Test(arguments: [
        // The rest, as it should come.
        Case(206, "R:bytes 100-299/300;L:200;E:\"v\"", .writeRest(end: 300, total: 300)),
        Case(206, "R:bytes 100-299/300;E:\"v\"", .writeRest(end: 300, total: 300)),
        Case(206, "R:bytes 100-299/*;L:200;E:\"v\"", .writeRest(end: 300, total: 300)),
        Case(206, "R:bytes 100-199/300;L:100;E:\"v\"", .writeRest(end: 200, total: 300)),
        Case(206, "R: bytes 100-299/300 \t;L: 200\t;E:\t\"v\" ", .writeRest(end: 300, total: 300)),
        Case(206, "R:bytes 100-299/300;Transfer-Encoding:chunked;E:\"v\"", .writeRest(end: 300, total: 300)),
        // 206 with a range that is another, contradicts a length, or is none.
        Case(206, "R:bytes 99-299/300;L:201;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 0-299/300;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/301;L:200;E:\"v\"", .requestWhole), Case(206, "L:200;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;L:201;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;L:x;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;L:200;L:201;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;R:bytes 100-298/300;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-300/*;L:201;E:\"v\"", .requestWhole), Case(206, "R:bytes */300;E:\"v\"", .requestWhole),
        Case(206, "R:bytes=100-299/300;L:200;E:\"v\"", .requestWhole),
        Case(206, "Content-Type:multipart/byteranges;L:400;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;Content-Type: MULTIPART/byteranges;E:\"v\"", .requestWhole),
        // 206 of another version, or of none.
        Case(206, "R:bytes 100-299/300;L:200;E:\"w\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;L:200;E:W/\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;L:200", .requestWhole),
        Case(206, "R:bytes 100-299/300;E:\"v\";E:\"w\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;Content-Encoding:gzip;E:\"v\"", .fail(.badEncoding)),
        // 200 and 203: only the size that is known proves that all of the file follows.
        Case(200, "L:300;E:\"v\"", .writeWhole(size: 300)), Case(203, "L:300;E:\"v\"", .writeWhole(size: 300)),
        Case(200, "L:300;R:bytes 0-299/300;E:\"v\"", .writeWhole(size: 300)),
        Case(200, "L:200;E:\"v\"", .requestWhole), Case(203, "L:200;E:\"v\"", .requestWhole),
        Case(200, "L:200;R:bytes 100-299/300;E:\"v\"", .requestWhole), Case(200, "E:\"v\"", .requestWhole),
        Case(200, "R:bytes 100-299/300;E:\"v\"", .requestWhole),
        Case(200, "L:300;R:bytes 100-299/300;E:\"v\"", .requestWhole),
        Case(200, "Transfer-Encoding:chunked;L:300;E:\"v\"", .requestWhole), Case(200, "L:301;E:\"v\"", .requestWhole),
        Case(200, "L:300;E:\"w\"", .requestWhole), Case(200, "L:200;E:\"w\"", .requestWhole),
        Case(200, "L:300", .requestWhole),
        Case(200, "L:300;E:W/\"v\"", .requestWhole), Case(200, "L:400;E:\"w\"", .requestWhole),
        Case(200, "", .requestWhole),
        Case(200, "L:300;Content-Type:multipart/byteranges;E:\"v\"", .requestWhole),
        Case(200, "L:300;Content-Encoding:br;E:\"v\"", .fail(.badEncoding)),
        // Nothing left to send, says the server.
        Case(416, "R:bytes */300;E:\"v\"", .requestWhole), Case(416, "R:bytes */100;E:\"v\"", .requestWhole),
        Case(416, "", .requestWhole),
        // No answer to a download at all.
        Case(204, "E:\"v\"", .fail(.badResponse)), Case(201, "L:200", .fail(.badResponse)),
        Case(202, "L:0", .fail(.badResponse)), Case(205, "", .fail(.badResponse)),
        Case(207, "L:200", .fail(.badResponse)), Case(226, "L:200;E:\"v\"", .fail(.badResponse)),
        Case(304, "E:\"v\"", .fail(.badResponse)), Case(300, "", .fail(.badResponse)),
    ])
    func `an answer to a request for the rest`(one: Case) {
        let request = Request.rest(from: 100, ifRange: "\"v\"")
        #expect(action(one, request, RemoteVersion(etag: "\"v\""), total: 300) == one.fate)
    }

    /// 100 bytes are here of the version "v", whose size was never named.
    @Test(arguments: [
        Case(206, "R:bytes 100-299/300;L:200;E:\"v\"", .writeRest(end: 300, total: 300)),
        Case(206, "R:bytes 100-299/*;L:200;E:\"v\"", .writeRest(end: 300, total: nil)),
        Case(206, "R:bytes 100-1000/*;E:\"v\"", .fail(.tooLarge)), Case(200, "L:300;E:\"v\"", .requestWhole),
        Case(200, "L:200;E:\"v\"", .requestWhole), Case(200, "E:\"v\"", .requestWhole),
        Case(416, "R:bytes */100", .complete), Case(416, "R:bytes */100;E:\"v\"", .complete),
        Case(416, "R:bytes */100;E:\"w\"", .requestWhole), Case(416, "R:bytes */101", .requestWhole),
        Case(416, "", .requestWhole),
    ])
    func `an answer to a request for the rest of a file of unknown size`(one: Case) {
        let request = Request.rest(from: 100, ifRange: "\"v\"")
        #expect(action(one, request, RemoteVersion(etag: "\"v\""), total: nil) == one.fate)
    }

    /// 100 of 300 bytes are here, known by their date.
    @Test(arguments: [
        Case(206, "R:bytes 100-299/300;M:\(old)", .writeRest(end: 300, total: 300)),
        // Whether this server looks at If-Range, nothing tells.
        Case(206, "R:bytes 100-299/300", .requestWhole), Case(206, "R:bytes 100-299/300;E:\"v\"", .requestWhole),
        Case(206, "R:bytes 100-299/300;M:\(new)", .requestWhole),
        // Too young to be trusted for a later request, but another date all the same.
        Case(206, "R:bytes 100-299/300;M:\(new);Date:\(new)", .requestWhole),
        Case(200, "L:300;M:\(old)", .writeWhole(size: 300)), Case(200, "L:200;M:\(old)", .requestWhole),
        Case(200, "L:300;M:\(new);Date:\(new)", .requestWhole), Case(416, "R:bytes */100;M:\(new)", .requestWhole),
    ])
    func `an answer to a request for the rest by date`(one: Case) {
        let request = Request.rest(from: 100, ifRange: Self.old)
        #expect(action(one, request, RemoteVersion(modified: Self.old), total: 300) == one.fate)
    }

    /// Texts that Swift takes for equal are the tags of two versions.
    @Test func `tags are compared by their bytes`() {
        let (composed, decomposed) = ("\"\u{E9}\"", "\"e\u{301}\"")
        let request = Request.rest(from: 100, ifRange: composed)
        let known = RemoteVersion(etag: composed)
        let same = Case(206, "R:bytes 100-299/300;E:\(composed)", .writeRest(end: 300, total: 300))
        let other = Case(206, "R:bytes 100-299/300;E:\(decomposed)", .requestWhole)
        let twice = Case(206, "R:bytes 100-299/300;E:\(composed);E:\(decomposed)", .requestWhole)
        let end = Case(416, "R:bytes */100;E:\(decomposed)", .requestWhole)
        for one in [same, other, twice] { #expect(action(one, request, known, total: 300) == one.fate) }
        #expect(action(end, request, known, total: nil) == end.fate)
        #expect(!known.isSame(as: decomposed) && known.isSame(as: composed))
    }

    /// A byte that is not UTF-8 arrives as U+FFFD, whichever it was.
    @Test func `a value that is not UTF-8 is no value`() {
        let head = ResponseHead(
            status: 302, headers: ["ETag": "\"v\u{FFFD}\"", "Location": "/caf\u{FFFD}"], receivedAt: 0)
        #expect(head.etag == nil && head.version.ifRange == nil && head.location == nil && head.hasLocation)
    }

    /// Whatever was known of an earlier version says nothing about this one.
    @Test(arguments: [
        Case(200, "L:200;E:\"w\"", .writeWhole(size: 200)), Case(203, "L:200", .writeWhole(size: 200)),
        Case(200, "", .writeWhole(size: nil)), Case(200, "L: 200 ;R: bytes 0-199/200 ", .writeWhole(size: 200)),
        Case(200, "L:0", .writeWhole(size: 0)), Case(200, "R:bytes 0-199/200", .writeWhole(size: 200)),
        Case(200, "R:bytes 5-9/10", .fail(.badResponse)), Case(200, "L:5;R:bytes 5-9/10", .fail(.badResponse)),
        Case(200, "L:5;R:bytes 0-4/10", .fail(.badResponse)), Case(200, "L:9;R:bytes 0-9/10", .fail(.badResponse)),
        Case(200, "R:bytes 0-9/*", .fail(.badResponse)), Case(200, "R:bytes */10", .fail(.badResponse)),
        Case(200, "R:bytes 0-9", .fail(.badResponse)), Case(200, "L:-1", .fail(.badResponse)),
        Case(200, "L:99999999999999999999", .fail(.badResponse)), Case(200, "L:1;L:2", .fail(.badResponse)),
        Case(200, "Content-Type:multipart/byteranges;L:200", .fail(.badResponse)),
        Case(200, "L:1001", .fail(.tooLarge)), Case(200, "R:bytes 0-1000/1001", .fail(.tooLarge)),
        // A range that nobody asked for is no harm when it is the whole file.
        Case(206, "R:bytes 0-199/200;L:200;E:\"w\"", .writeWhole(size: 200)),
        Case(206, "R:bytes 0-199/200", .writeWhole(size: 200)), Case(206, "L:200", .fail(.badResponse)),
        Case(206, "R:bytes 0-198/200;L:199", .fail(.badResponse)), Case(206, "R:bytes 1-199/200", .fail(.badResponse)),
        Case(206, "R:bytes 0-199/*;L:200", .fail(.badResponse)),
        Case(206, "R:bytes 0-199/200;L:100", .fail(.badResponse)),
        Case(206, "R:bytes 0-199/200;Content-Type:multipart/byteranges", .fail(.badResponse)),
        Case(206, "R:bytes 0-1000/1001", .fail(.tooLarge)), Case(416, "R:bytes */200", .fail(.badResponse)),
        Case(204, "", .fail(.badResponse)), Case(202, "L:200", .fail(.badResponse)),
    ])
    func `an answer to a request for the whole file`(one: Case) {
        #expect(action(one, .whole, RemoteVersion(etag: "\"v\""), total: 300) == one.fate)
    }

    @Test func `blanks around a header's value are removed`() {
        let head = ResponseHead(
            status: 302,
            headers: [
                "Location": " /b \t", "ETag": "\"v\"  ", "Last-Modified": "\t\(Self.old) ", "Retry-After": " 7 ",
                "Date": "\(Self.new)\t",
            ], receivedAt: 0)
        #expect(head.location == "/b")
        #expect(head.version == RemoteVersion(etag: "\"v\"", modified: Self.old))
        #expect(head.retryAfter == .seconds(7))
    }

    @Test func `an origin's text contains no terminal control characters`() {
        let hostile = "a\u{9B}31m\u{202E}b\u{1B}]0;x\u{07}\u{2028}" + String(repeating: "c", count: 200)
        let head = ResponseHead(status: 200, headers: ["Content-Encoding": hostile], receivedAt: 0)
        let rules = ResponseRules(
            request: .whole, known: DownloadCheckpoint(), limit: 1000, source: "http://h.example/a")
        guard case .fail(let error) = rules.action(head) else {
            Issue.record("accepted")
            return
        }
        #expect(error.message.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 || $0 == "…" })
        #expect(error.message.contains("\\u{202e}b\\u{1b}"))
        #expect(error.message.utf8.count < 300)
        #expect(DownloadError(.forbidden, "x\u{85}y\u{200B}ü", advice: .never).message == "x\\u{85}y\\u{200b}ü")
    }
}
