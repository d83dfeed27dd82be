// What becomes of a download whose name another file has.

import Foundation
import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct NameConflictTests {
    @Test(arguments: [
        ("a.flac", 2, "a (2).flac"), ("a", 3, "a (3)"), ("a.tar.gz", 2, "a.tar (2).gz"),
        (String(repeating: "x", count: 85) + ".flac", 12, String(repeating: "x", count: 80) + " (12).flac"),
        ("e" + String(repeating: "\u{301}", count: 60) + ".txt", 2, "download (2).txt"),
    ])
    func `a number stands before the extension and the name stays short`(name: String, number: Int, made: String) {
        #expect(FileNames.numbered(name, number) == made)
        #expect(made.utf8.count <= FileNames.longest)
        #expect(FileNames.number(of: made, from: name) == number)
        #expect(FileNames.number(of: name, from: name) == 1)
    }

    @Test(arguments: [
        "b (2).flac", "a (1).flac", "a (02).flac", "a 2.flac", "a (x).flac", "a (2).mp3", "../a (2).flac",
    ])
    func `other names are not made from it`(name: String) {
        #expect(FileNames.number(of: name, from: "a.flac") == nil)
    }

    @Test func `two URLs with the same last segment become two files`() async throws {
        let harness = try DownloadHarness()
        let (one, two) = (content(40_000), content(50_000, seed: 2))
        let origin = try await Origin.start { asked, _ in .file(asked.path.hasPrefix("/x") ? one : two) }
        let handler = DownloadHandler(harness.settings())
        let rules = DownloadRequestRules(allowPrivateAddresses: true)
        try await withThrowingTaskGroup(of: DownloadResult.self) { group in
            for path in ["/x/a.flac", "/y/a.flac"] {
                let context = harness.context(TestRuntime(), checkpoint: nil)
                let job = try rules.job(url: origin.url(path))
                group.addTask { try await handler.run(job, context: context) }
            }
            var results: [String: String] = [:]
            for try await result in group { results[result.filename] = result.sha256 }
            #expect(results.keys.sorted() == ["a (2).flac", "a.flac"])
            #expect(Set(results.values) == [sha256(one), sha256(two)])
        }
        #expect(harness.names == ["a (2).flac", "a.flac"])
        await origin.stop()
    }

    @Test func `a numbered file is found again after a crash before the settlement, and nothing is fetched`()
        async throws
    {
        let harness = try DownloadHarness()
        _ = FileManager.default.createFile(atPath: harness.path("a"), contents: Data([9]))
        let body = content(30_000)
        let origin = try await Origin.file(body, [])
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        let result = try await harness.run(job, runtime: runtime)
        #expect(result.filename == "a (2)")
        #expect(harness.bytes("a") == [9] && harness.bytes("a (2)") == body)
        #expect(try await harness.run(job, after: runtime) == result)
        #expect(origin.asked.count == 1)
        #expect(harness.names == ["a", "a (2)"])
        await origin.stop()
    }

    @Test func `replace overwrites an existing file`() async throws {
        let harness = try DownloadHarness()
        _ = FileManager.default.createFile(atPath: harness.path("a"), contents: Data([9]))
        let body = content(30_000)
        let origin = try await Origin.file(body, [])
        let job = DownloadJob(url: origin.url(), filename: "a", onConflict: .replace)
        #expect(try await harness.run(job).filename == "a")
        #expect(harness.bytes("a") == body && harness.names == ["a"])
        // A directory is not replaced, and that is known before anything is fetched.
        try FileManager.default.createDirectory(atPath: harness.path("b"), withIntermediateDirectories: false)
        let other = DownloadJob(url: origin.url(), filename: "b", onConflict: .replace)
        #expect(await harness.failure(other)?.code == .fileExists)
        #expect(origin.asked.count == 1)
        await origin.stop()
    }

    @Test func `error fails before anything is fetched, also when another download of the name is under way`()
        async throws
    {
        let harness = try DownloadHarness()
        let origin = try await Origin.file(content(1000), [])
        let held = try #require(
            FileHandleForTests(creating: harness.path(".a.other.1-nonce.part")), "the part of another download")
        #expect(held.lock())
        let job = DownloadJob(url: origin.url(), filename: "a", onConflict: .error)
        let error = await harness.failure(job)
        #expect(error?.code == .fileExists)
        #expect(error?.message.contains("under way") == true)
        #expect(origin.asked.isEmpty)
        held.unlock()
        #expect(try await harness.run(job).filename == "a", "a part that nobody writes is no obstacle")
        await origin.stop()
    }

    @Test(arguments: [
        "http://example.com/a", "HTTP://EXAMPLE.com/a", "http://example.com:80/a", "http://example.com/a#x",
        "http://example.com./a", "http://example.com/%61", "http://example.com/./b/../a",
        "http://example.com/b/%2e%2E/a",
    ])
    func `spellings of one URL have one identity`(url: String) throws {
        let rules = DownloadRequestRules()
        #expect(try rules.identity(ofURL: url) == "http://example.com/a")
    }

    @Test(arguments: [
        ("http://example.com", "http://example.com/"), ("http://example.com/a/..", "http://example.com/"),
        ("http://example.com/a/b/..", "http://example.com/a/"), ("http://example.com/a/.", "http://example.com/a/"),
        ("http://example.com/../..", "http://example.com/"),
        ("http://example.com/a?b=/../%2f", "http://example.com/a?b=/../%2F"),
        ("http://example.com/A", "http://example.com/A"), ("https://example.com:443/a/", "https://example.com/a/"),
    ])
    func `an identity keeps what makes a difference`(url: String, identity: String) throws {
        #expect(try DownloadRequestRules().identity(ofURL: url) == identity)
    }

    @Test func `a track's job holds its id and no URL, and its URL is shown without the template's query`() throws {
        let rules = DownloadRequestRules(tracks: try TrackTemplate("https://m.example/{track_id}?key=secret"))
        let job = try rules.job(trackID: "7")
        #expect(String(decoding: job.payload, as: UTF8.self) == #"{"filename":"7","track_id":"7"}"#)
        #expect(try rules.url(of: job.source) == "https://m.example/7?key=secret")
        #expect(rules.shownURL(of: job.source) == "https://m.example/7")
        #expect(rules.host(ofPayload: job.payload) == "m.example")
        let other = try rules.job(url: "https://n.example/7?a=b")
        #expect(rules.shownURL(of: other.source) == "https://n.example/7?a=b")
        #expect(rules.host(ofPayload: other.payload) == "n.example")
        #expect(DownloadRequestRules().shownURL(of: job.source).isEmpty)
        #expect(DownloadRequestRules().host(ofPayload: job.payload) == nil)
    }

    @Test func `a worker makes the URL of a track from its own template, and without one the job waits`() async throws {
        let origin = try await Origin.start { _, _ in .file(Array("track".utf8)) }
        let harness = try DownloadHarness()
        let job = DownloadJob(source: .track("7"), filename: "a")
        let error = await harness.failure(job)
        #expect(error?.code == .noTemplate && error?.retryAdvice == .release(after: .seconds(30)))
        let tracks = try TrackTemplate(origin.url("/{track_id}?key=secret"), allowPrivateAddresses: true)
        let settings = harness.settings { $0.tracks = tracks }
        #expect(try await harness.run(job, settings: settings).bytes == 5)
        #expect(origin.asked.last?.path == "/7?key=secret")
        let bad = await harness.failure(DownloadJob(source: .track(".."), filename: "b"), settings: settings)
        #expect(bad?.code == .badRequest && bad?.message.contains("secret") == false)
    }
}
