// The decisions of an attempt, without files and without a server.

import MartletJobs
import NIOHTTP1
import Testing

@testable import MartletDownloads

@Suite struct PlanTests {
    private let part = ".a.job.1-nonce.part"
    private let final = FinalFile(name: "a", size: 10, sha256: "s")

    @Test func `an attempt starts according to what exists under the final name`() {
        func opening(
            _ checkpoint: DownloadCheckpoint?, _ target: TargetState, _ conflict: NameConflict? = .error
        ) -> AttemptStart {
            let job = DownloadJob(url: "http://h.example/a", filename: "a", onConflict: conflict)
            return AttemptStart(checkpoint: checkpoint, target: target, job: job, id: "job")
        }
        let begun = DownloadCheckpoint(part: part, offset: 5)
        let done = DownloadCheckpoint(part: part, offset: 10, final: final)
        #expect(opening(nil, .absent) == .fresh)
        #expect(opening(DownloadCheckpoint(), .absent) == .fresh)
        #expect(opening(begun, .absent) == .resume(part: part))
        #expect(opening(done, .absent) == .resume(part: part))
        #expect(opening(nil, .file(size: 10)) == .occupied)
        #expect(opening(begun, .file(size: 10)) == .occupied)
        #expect(opening(done, .file(size: 10)) == .confirm(final))
        #expect(opening(done, .file(size: 11)) == .occupied)
        #expect(opening(done, .other) == .occupied)
        var renamed = done
        renamed.final?.name = "b"
        #expect(opening(renamed, .file(size: 10)) == .occupied)
        // Another file's name is no reason to stop where it is not asked for.
        for conflict in [nil, NameConflict.rename, .replace] {
            #expect(opening(nil, .file(size: 10), conflict) == .fresh)
            #expect(opening(begun, .file(size: 10), conflict) == .resume(part: part))
            #expect(opening(done, .file(size: 10), conflict) == .confirm(final))
            #expect(opening(nil, .other, conflict) == (conflict == .replace ? .occupied : .fresh))
        }
        var numbered = done
        numbered.final?.name = "a (2)"
        #expect(opening(numbered, .file(size: 10), nil) == .confirm(FinalFile(name: "a (2)", size: 10, sha256: "s")))
        #expect(opening(renamed, .file(size: 10), nil) == .resume(part: part))
        for foreign in ["../x", "/etc/passwd", ".a.other.1-nonce.part", "a", ".a.job.part", ".a.job.x-nonce.part"] {
            #expect(opening(DownloadCheckpoint(part: foreign, offset: 5), .absent) == .fresh)
        }
    }

    @Test func `the request follows from the bytes that exist on disk`() {
        let tag = RemoteVersion(etag: "\"v\"")
        func request(
            held: Int64, offset: Int64 = 5, sum: String? = "s", version: RemoteVersion? = RemoteVersion(etag: "\"v\""),
            total: Int64? = nil, final: FinalFile? = nil
        ) -> Request {
            let checkpoint = DownloadCheckpoint(
                part: part, offset: offset, sum: sum, version: version, total: total, final: final)
            return Request(checkpoint: checkpoint, held: PartContents(count: held, sum: "s"))
        }
        #expect(tag.ifRange == "\"v\"")
        #expect(request(held: 5) == .rest(from: 5, ifRange: "\"v\""))
        #expect(request(held: 5, sum: nil) == .rest(from: 5, ifRange: "\"v\""))
        #expect(request(held: 5, total: 10) == .rest(from: 5, ifRange: "\"v\""))
        #expect(request(held: 4) == .whole)
        #expect(request(held: 5, sum: "other") == .whole)
        #expect(request(held: 0, offset: 0) == .whole)
        #expect(request(held: 5, version: nil) == .whole)
        #expect(request(held: 5, version: RemoteVersion(etag: "W/\"v\"")) == .whole)
        #expect(request(held: 5, version: RemoteVersion(etag: "v")) == .whole)
        #expect(
            request(held: 5, version: RemoteVersion(etag: "W/\"v\"", modified: "d")) == .rest(from: 5, ifRange: "d"))
        #expect(request(held: 5, total: 5) == .nothing)
        #expect(request(held: 10, offset: 10, final: self.final) == .nothing)
        let other = FinalFile(name: "a", size: 10, sha256: "other")
        #expect(request(held: 10, offset: 10, version: nil, final: other) == .whole)
        #expect(request(held: 0, offset: 0, total: 0) == .whole)
    }

    private func action(
        _ status: Int, _ headers: [(String, String)] = [], request: Request = .rest(from: 5, ifRange: "\"v\""),
        known: DownloadCheckpoint? = nil, limit: Int64 = 100
    ) -> ResponseAction {
        let known =
            known
            ?? DownloadCheckpoint(
                part: part, offset: 5, version: RemoteVersion(etag: "\"v\""), total: 10)
        let rules = ResponseRules(request: request, known: known, limit: limit, source: "http://h.example/a")
        return rules.action(ResponseHead(status: status, headers: HTTPHeaders(headers), receivedAt: 1_000_000))
    }

    @Test func `a whole file that was asked for begins at zero`() {
        let plan = BodyPlan(start: 0, end: 7, total: 7, version: RemoteVersion(etag: "\"w\""))
        #expect(action(200, [("Content-Length", "7"), ("ETag", "\"w\"")], request: .whole) == .write(plan))
        #expect(action(200, request: .whole) == .write(BodyPlan(start: 0, version: RemoteVersion())))
        #expect(action(200, [("Content-Length", "100")], request: .whole) != .fail(.tooLarge(limit: 100)))
        #expect(action(200, [("Content-Length", "101")], request: .whole) == .fail(.tooLarge(limit: 100)))
    }

    @Test(
        arguments: [
            ("bytes 5-9/10", "5", "\"v\"", true), ("bytes 5-9/*", "5", "\"v\"", true),
            ("bytes 5-7/10", "3", "\"v\"", true),
            ("bytes 5-9/10", nil, "\"v\"", true), ("bytes 4-9/10", "6", "\"v\"", false),
            ("bytes 5-9/11", "5", "\"v\"", false), ("bytes 5-9/10", "6", "\"v\"", false),
            ("bytes 5-10/10", "6", "\"v\"", false), ("bytes 5-12/*", "8", "\"v\"", false),
            ("bytes 5-9/10", "5", "\"w\"", false), ("bytes 5-9/10", "5", nil, false),
            ("bytes 9-5/10", nil, "\"v\"", false),
            ("bytes */10", nil, "\"v\"", false), ("octets 5-9/10", "5", "\"v\"", false), (nil, "5", "\"v\"", false),
        ] as [(String?, String?, String?, Bool)])
    func `206 continues only a matching part`(range: String?, length: String?, etag: String?, fits: Bool) {
        let headers = [("Content-Range", range), ("Content-Length", length), ("ETag", etag)]
        switch action(206, headers.compactMap { name, value in value.map { (name, $0) } }) {
        case .write(let plan): #expect(fits && plan.start == 5 && plan.total == 10)
        case .requestWhole: #expect(!fits)
        default: Issue.record("neither written nor asked again")
        }
    }

    @Test func `206 after a date needs the same date`() {
        let known = DownloadCheckpoint(part: part, offset: 5, version: RemoteVersion(modified: "d"), total: 10)
        let request = Request.rest(from: 5, ifRange: "d")
        let range = ("Content-Range", "bytes 5-9/10")
        let plan = BodyPlan(start: 5, end: 10, total: 10, version: RemoteVersion(modified: "d"))
        let same = [range, ("Last-Modified", "d")]
        #expect(action(206, same, request: request, known: known) == .write(plan))
        let later = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        let date = ("Date", "Sun, 06 Nov 1994 08:49:39 GMT")
        for other in [[range], [range, later, date]] {
            guard case .requestWhole = action(206, other, request: request, known: known) else {
                Issue.record("\(other) was taken for the same version")
                return
            }
        }
    }

    @Test func `206 that was not asked for, or is too large, is refused`() {
        guard case .fail(let error) = action(206, [("Content-Range", "bytes 0-8/10")], request: .whole) else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == .badResponse)
        let range = [("Content-Range", "bytes 5-9/10"), ("ETag", "\"v\"")]
        #expect(action(206, range, limit: 9) == .fail(.tooLarge(limit: 9)))
    }

    @Test func `416 completes only a complete part`() {
        let all = Request.rest(from: 10, ifRange: "\"v\"")
        let unknown = DownloadCheckpoint(part: part, offset: 10, version: RemoteVersion(etag: "\"v\""))
        #expect(action(416, [("Content-Range", "bytes */10")], request: all) == .complete)
        #expect(action(416, request: all) == .complete)
        #expect(action(416, [("Content-Range", "bytes */10")], request: all, known: unknown) == .complete)
        for headers in [[("Content-Range", "bytes */9")], [("Content-Range", "bytes */10"), ("ETag", "\"w\"")]] {
            guard case .requestWhole = action(416, headers, request: all) else {
                Issue.record("completed by \(headers)")
                continue
            }
        }
        guard case .requestWhole = action(416, request: all, known: unknown) else {
            Issue.record("completed without a size")
            return
        }
        guard case .fail = action(416, request: .whole) else {
            Issue.record("416 to a whole request")
            return
        }
    }

    @Test func `redirects and codings are recognised in the head`() {
        for status in [301, 302, 303, 307, 308] {
            #expect(action(status, [("Location", "/b")]) == .redirect(location: "/b"))
            guard case .fail(let error) = action(status) else { continue }
            #expect(error.code == .badResponse)
        }
        for (name, value) in [("Content-Encoding", "br"), ("Transfer-Encoding", "gzip")] {
            guard case .fail(let error) = action(200, [(name, value)], request: .whole) else {
                Issue.record("\(value) was accepted")
                continue
            }
            #expect(error.code == .badEncoding && error.retryAdvice == .never)
        }
        let plain = [("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")]
        guard case .write = action(200, plain, request: .whole) else {
            Issue.record("a plain body was refused")
            return
        }
    }

    @Test func `a date is a version only when a second change would show`() {
        func version(_ headers: [(String, String)], at now: Int64 = 784_111_777) -> RemoteVersion {
            ResponseHead(status: 200, headers: HTTPHeaders(headers), receivedAt: now).version
        }
        let modified = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(version([modified, ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")]).ifRange == nil)
        #expect(version([modified, ("Date", "Sun, 06 Nov 1994 08:49:38 GMT")]).ifRange == modified.1)
        #expect(version([modified], at: 784_111_777 + 59).ifRange == nil)
        #expect(version([modified], at: 784_111_777 + 60).ifRange == modified.1)
        #expect(version([("Last-Modified", "yesterday")]).ifRange == nil)
        #expect(version([modified, ("ETag", "\"v\"")]).ifRange == "\"v\"")
    }

    @Test func `dates are read in their three forms`() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(HTTPDate.seconds(text) == 784_111_777)
        }
        #expect(HTTPDate.seconds("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(HTTPDate.seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        for text in [
            "", "now", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            #expect(HTTPDate.seconds(text) == nil)
        }
    }

    @Test func `Content-Range is read strictly`() {
        #expect(ContentRange("bytes 0-0/1") != nil)
        #expect(ContentRange("BYTES 0-4/*")?.total == nil)
        #expect(ContentRange("bytes */7")?.total == 7)
        for text in [
            "", "bytes", "bytes 0-4", "bytes 0-4/", "bytes -4/5", "bytes 0-/5", "bytes 4-0/5", "bytes 0-5/5",
            "bytes +0-4/5", "bytes 0-4/5/6", "bytes 0-4/99999999999999999999",
        ] {
            #expect(ContentRange(text) == nil)
        }
    }
}
