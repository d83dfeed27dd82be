// Answers that are no file, redirects, and addresses that may not be reached.

import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct RefusalTests {
    @Test(arguments: [
        (404, DownloadError.Code.notFound, RetryAdvice.never), (410, .notFound, .never), (401, .forbidden, .never),
        (403, .forbidden, .never), (451, .forbidden, .never), (408, .serverError, .byPolicy),
        (429, .rateLimited, .byPolicy), (500, .serverError, .byPolicy), (503, .serverError, .byPolicy),
        (204, .badResponse, .byPolicy), (206, .badResponse, .byPolicy), (416, .badResponse, .byPolicy),
        (304, .badResponse, .byPolicy),
    ])
    func `each status has its meaning`(status: Int, code: DownloadError.Code, advice: RetryAdvice) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in
            status == 204 || status == 304 ? Reply(status: status) : .status(status)
        }
        let error = await harness.failure(DownloadJob(url: origin.url("/x?token=secret"), filename: "a"))
        #expect(error?.code == code)
        #expect(error?.retryAdvice == advice)
        #expect(error?.description.contains("secret") == false)
        #expect(harness.bytes("a") == nil)
        await origin.stop()
    }

    @Test(arguments: [
        ("7", RetryAdvice.after(.seconds(7))), ("99999", .after(.seconds(3600))), ("soon", .byPolicy),
        ("Sun, 06 Nov 1994 08:50:37 GMT", .after(.seconds(60))), ("0", .after(.zero)), (" 7 ", .after(.seconds(7))),
        ("Sun, 06 Nov 1994 08:49:00 GMT", .after(.zero)), ("99999999999999999999999", .after(.seconds(3600))),
        ("-5", .byPolicy), ("1e9", .byPolicy),
    ])
    func `Retry-After is honoured up to an hour`(value: String, advice: RetryAdvice) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, number in
            .status(number == 0 ? 503 : 429, [("Retry-After", value), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")])
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        #expect(await harness.failure(job)?.retryAdvice == advice)
        #expect(await harness.failure(job)?.retryAdvice == advice)
        await origin.stop()
    }

    @Test func `a length over the limit is refused before the body is read`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in Reply(length: 5001, end: .hang) }
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: "a", maxBytes: 5000))
        #expect(error?.code == .tooLarge)
        #expect(error?.retryAdvice == .never)
        #expect(harness.names.isEmpty)
        await origin.stop()
    }

    @Test func `an endless body ends at the limit and leaves nothing`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in Reply(end: .endless) }
        let settings = harness.settings { $0.maxBytes = 2_000_000 }
        let runtime = TestRuntime()
        let job = DownloadJob(url: origin.url(), filename: "a")
        #expect(await harness.failure(job, runtime: runtime, settings: settings)?.code == .tooLarge)
        #expect(runtime.received <= 2_000_000)
        #expect(harness.names.isEmpty)
        await origin.stop()
    }

    @Test func `an encoded body is refused`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file(content(100), [("Content-Encoding", "gzip")])
        #expect(await harness.failure(DownloadJob(url: origin.url(), filename: "a"))?.code == .badEncoding)
        await origin.stop()
    }

    @Test func `a transfer from a silent server ends and its bytes are kept`() async throws {
        let harness = try DownloadHarness()
        let body = content(900_000)
        let origin = try await Origin.start { asked, number in
            number == 0
                ? Reply.file(body, [("ETag", "\"a\"")]).cut(after: 700_000, .hang)
                : Origin.honest(asked, body, [("ETag", "\"a\"")])
        }
        let settings = harness.settings { $0.stallTimeout = .seconds(1) }
        let runtime = TestRuntime()
        let job = DownloadJob(url: origin.url(), filename: "a")
        let error = await harness.failure(job, runtime: runtime, settings: settings)
        #expect(error?.code == .stalled)
        #expect(error?.retryAdvice == .byPolicy)
        // All 700,000, unless the machine stood still for a second before they had arrived.
        #expect(runtime.received <= 700_000)
        #expect(runtime.checkpoint?.offset == Int64(runtime.received))
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        await origin.stop()
    }

    @Test func `a server that never answers is given up`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in Reply(status: 100, end: .hang) }
        let settings = harness.settings {
            $0.stallTimeout = .milliseconds(200)
            // Long enough for a busy machine: else the connection itself would be what is given up.
            $0.connectTimeout = .seconds(10)
        }
        #expect(
            await harness.failure(DownloadJob(url: origin.url(), filename: "a"), settings: settings)?.code == .stalled)
        await origin.stop()
    }

    @Test func `a refused connection and an unknown name are retried`() async throws {
        let harness = try DownloadHarness()
        let port = try ClosedPort()
        let error = await harness.failure(DownloadJob(url: "http://127.0.0.1:\(port.number)/", filename: "a"))
        withExtendedLifetime(port) {}
        #expect(error?.code == .connectFailed)
        #expect(error?.retryAdvice == .byPolicy)
        let unknown = await harness.failure(
            DownloadJob(url: "http://files.example/a", filename: "a"), resolver: AddressResolver { _ in [] })
        #expect(unknown?.code == .resolveFailed)
    }

    @Test func `at most five redirects are followed`() async throws {
        let harness = try DownloadHarness()
        let body = content(5000)
        let origin = try await Origin.start { asked, _ in
            guard let left = Int(asked.path.dropFirst()), left > 0 else { return .file(body) }
            return .status([301, 302, 303, 307, 308][left % 5], [("Location", "/\(left - 1)")])
        }
        #expect(try await harness.run(DownloadJob(url: origin.url("/5"), filename: "a")).bytes == 5000)
        let error = await harness.failure(DownloadJob(url: origin.url("/6"), filename: "b"))
        #expect(error?.code == .tooManyRedirects)
        #expect(origin.asked.count == 12)
        await origin.stop()
    }

    @Test(arguments: [
        "http://10.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest", "http://0/",
        "http://inner.example/", "ftp://files.example/", "http://user@files.example/",
    ])
    func `a redirect to an address behind the guard is refused`(location: String) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in .status(302, [("Location", location)]) }
        let settings = harness.settings { $0.allowPrivateAddresses = false }
        let error = await harness.failure(
            DownloadJob(url: origin.url(host: "files.example"), filename: "a"), settings: settings,
            resolver: AddressResolver { host in
                [IPAddress(host == "files.example" ? "127.0.0.1" : "10.0.0.5")].compactMap(\.self)
            },
            policy: AddressPolicy { $0.description == "127.0.0.1" })
        let isSchemeOrUser = location.contains("ftp") || location.contains("@")
        let isResolved = location.contains("inner.example")
        #expect(error?.code == (isSchemeOrUser ? .badRequest : isResolved ? .resolveFailed : .addressRefused))
        #expect(error?.retryAdvice == (isResolved ? .byPolicy : .never))
        #expect(origin.asked.count == 1)
        await origin.stop()
    }

    @Test func `with private addresses refused, loopback is refused before a byte is sent`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1], [])
        let settings = harness.settings { $0.allowPrivateAddresses = false }
        for host in ["127.0.0.1", "localhost", "files.example"] {
            let error = await harness.failure(
                DownloadJob(url: origin.url(host: host), filename: "a"), settings: settings,
                resolver: AddressResolver { _ in ["93.184.216.34", "127.0.0.1"].compactMap(IPAddress.init) })
            #expect(error?.code == (host == "files.example" ? .resolveFailed : .addressRefused))
        }
        #expect(origin.asked.isEmpty)
        await origin.stop()
    }

    @Test func `an unknown name and one of an inner network give the same error`() async throws {
        let harness = try DownloadHarness()
        let settings = harness.settings { $0.allowPrivateAddresses = false }
        let job = DownloadJob(url: "http://files.example/a", filename: "a")
        var seen: [DownloadError?] = []
        for found in [["10.0.0.5"], ["93.184.216.34", "127.0.0.1"], []] {
            seen.append(
                await harness.failure(
                    job, settings: settings, resolver: AddressResolver { _ in found.compactMap(IPAddress.init) }))
        }
        let unknown = await harness.failure(
            DownloadJob(url: "http://no-such-host.invalid/a", filename: "a"), settings: settings)
        #expect(Set(seen.map { $0?.description }).count == 1)
        #expect(seen.allSatisfy { $0?.retryAdvice == unknown?.retryAdvice && $0?.code == unknown?.code })
        let words = unknown?.message.replacing("no-such-host.invalid", with: "files.example")
        #expect(seen[0]?.message == words)
        #expect(seen[0]?.detail == "it leads to 10.0.0.5, which is not a public address")
        #expect(unknown?.detail?.isEmpty == false)
    }

    @Test func `the connected address is compared again before a request is sent`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1], [])
        let looks = Counter()
        let error = await harness.failure(
            DownloadJob(url: origin.url(host: "files.example"), filename: "a"),
            resolver: AddressResolver { _ in ["127.0.0.1"].compactMap(IPAddress.init) },
            policy: AddressPolicy { _ in looks.next() == 1 })
        #expect(error?.code == .resolveFailed)
        #expect(looks.value == 2)
        #expect(origin.bytesHeard == 0)
        await origin.stop()
    }

    @Test func `a name is resolved once and the checked address is the one that is used`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1, 2], [])
        let calls = Counter()
        let resolver = AddressResolver { _ in
            [IPAddress(calls.next() == 1 ? "127.0.0.1" : "127.0.0.2")].compactMap(\.self)
        }
        let result = try await harness.run(
            DownloadJob(url: origin.url(host: "files.example"), filename: "a"), resolver: resolver)
        #expect(result.bytes == 2)
        #expect(calls.value == 1)
        #expect(origin.asked.first?.header("host") == "files.example:\(origin.port)")
        await origin.stop()
    }

    @Test func `the next address is tried when the first does not answer`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1, 2], [])
        let result = try await harness.run(
            DownloadJob(url: origin.url(host: "files.example"), filename: "a"),
            resolver: AddressResolver { _ in ["127.0.0.9", "127.0.0.1"].compactMap(IPAddress.init) })
        #expect(result.bytes == 2)
        await origin.stop()
    }

    @Test func `a redirect never leads from https to http`() throws {
        let harness = try DownloadHarness()
        let fetcher = DownloadDependencies(harness.settings(), resolver: .system, policy: nil).fetcher
        let secure = try DownloadURL("https://files.example/a/b?x=1", allowPrivateAddresses: false)
        #expect(try fetcher.redirect(from: secure, to: "../c").text == "https://files.example/c")
        #expect(try fetcher.redirect(from: secure, to: "//cdn.example/x").text == "https://cdn.example/x")
        #expect(throws: DownloadError.self) { try fetcher.redirect(from: secure, to: "http://files.example/a") }
        let plain = try DownloadURL("http://files.example/", allowPrivateAddresses: false)
        #expect(try fetcher.redirect(from: plain, to: "https://files.example/").isSecure)
    }

    @Test(arguments: [#"\\other.example/a"#, #"/\other.example/a"#, #"https:\\other.example\a"#, #"..\c"#])
    func `a redirect with backslashes is refused in clear words`(location: String) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in .status(302, [("Location", location)]) }
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: "a"))
        #expect(error?.code == .badRequest && error?.retryAdvice == .never)
        #expect(error?.message == "the redirect's Location: url must not contain backslashes before its query")
        #expect(origin.asked.count == 1)
        let queries = try DownloadURL("http://files.example/", allowPrivateAddresses: false)
        #expect(
            try queries.resolved(#"/b?path=a\b"#, allowPrivateAddresses: false).text
                == "http://files.example/b?path=a%5Cb")
        await origin.stop()
    }
}
