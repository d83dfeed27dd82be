// The dashboard as the server serves it: its files, their headers, and what its code may not contain.

import Foundation
import MartletDashboard
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

/// The folder of the dashboard's files.
private let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/MartletDashboard/Assets").standardized

private func filesOnDisk() throws -> [String: [UInt8]] {
    let paths = try #require(FileManager.default.enumerator(atPath: folder.path)).compactMap { $0 as? String }
    var files: [String: [UInt8]] = [:]
    for path in paths where path.contains(".") {
        files[path] = Array(try Data(contentsOf: folder.appending(path: path)))
    }
    return files
}

@Suite struct DashboardTests {
    @Test func `every file of the folder is embedded and served with its type and the rules for the page`() async throws
    {
        let expected = try filesOnDisk().filter { $0.key != "index.html" }
        #expect(Set(Dashboard.files.map(\.path)) == Set(expected.keys))
        try await withServer { server in
            let folder = try await Self.folder(server)
            for (path, bytes) in expected {
                let answer = try await server.get("/ui/\(folder)/\(path)")
                #expect(answer.status == 200 && answer.body == bytes, "\(path)")
                try Self.checkHeaders(answer, path, cache: "public, max-age=31536000, immutable")
                let tag = try #require(answer.headers.first(name: "etag"))
                let again = try await server.get("/ui/\(folder)/\(path)", headers: [("If-None-Match", tag)])
                #expect(again.status == 304 && again.body.isEmpty, "\(path)")
                let head = try await server.send(.HEAD, "/ui/\(folder)/\(path)")
                #expect(head.status == 200 && head.body.isEmpty, "\(path)")
                // A page of another version gets the file too, but no browser keeps it under that address.
                let other = try await server.get("/ui/another/\(path)")
                #expect(other.status == 200 && other.body == bytes, "\(path)")
                try Self.checkHeaders(other, path)
            }
            for path in ["nothing.js", "core/nothing.js", "core", "..%2fPackage.swift", "index.html"] {
                #expect(try await server.get("/ui/\(folder)/\(path)").status == 404, "\(path)")
                #expect(try await server.get("/ui/\(path)").status == 404, "\(path)")
            }
        }
    }

    /// The folder that the page names for its files.
    private static func folder(_ server: TestServer) async throws -> String {
        let page = try await server.get("/ui/").text
        return String(try #require(page.firstMatch(of: /src="([0-9a-f]+)\/app\.js"/)).1)
    }

    private static func checkHeaders(_ answer: Answer, _ path: String, cache: String = "no-cache") throws {
        let types = [
            "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
            "html": "text/html; charset=utf-8",
        ]
        let type = types[String(path.split(separator: ".").last ?? "")]
        #expect(answer.headers.first(name: "content-type") == type, "\(path)")
        #expect(answer.headers["cache-control"] == [cache], "\(path)")
        #expect(answer.headers.first(name: "x-content-type-options") == "nosniff")
        #expect(answer.headers.first(name: "referrer-policy") == "same-origin")
        let policy = try #require(answer.headers.first(name: "content-security-policy"))
        for rule in ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
            #expect(policy.contains(rule))
        }
        #expect(!policy.contains("unsafe") && !policy.contains("http:") && !policy.contains("https:"))
    }

    @Test func `the page names all modules but those that come later, and says what else there is without JavaScript`()
        async throws
    {
        try await withServer { server in
            let (page, folder) = (try await server.get("/ui/"), try await Self.folder(server))
            #expect(page.status == 200)
            try Self.checkHeaders(page, "index.html")
            for file in Dashboard.files where file.path.hasSuffix(".js") && file.path.contains("/") {
                let link = "<link rel=\"modulepreload\" fetchpriority=\"low\" href=\"\(folder)/\(file.path)\">"
                #expect(page.text.contains(link) == !Self.later.contains(file.path), "\(file.path)")
            }
            #expect(page.text.contains("<noscript>") && page.text.contains("martlet stats"))
            // The policy refuses inline scripts and styles, so the page has none.
            #expect(!page.text.contains("style=") && !page.text.contains("<style"))
            #expect(page.text.matches(of: /<script[^>]*><\/script>/).count == page.text.matches(of: /<script/).count)
        }
    }

    @Test func `browsers are sent to the dashboard by relative addresses, and others are not`() async throws {
        try await withServer { server in
            // The usual client follows redirects by itself.
            func head(_ path: String, accept: String) async throws -> String {
                let request =
                    "GET \(path) HTTP/1.1\r\nHost: localhost\r\nAccept: \(accept)\r\nConnection: close\r\n\r\n"
                return try await RawConnection(port: server.port).exchange([request])
            }
            for (path, accept) in [("/", "text/html,*/*"), ("/ui", "*/*")] {
                let answer = try await head(path, accept: accept)
                #expect(answer.hasPrefix("HTTP/1.1 303 ") && answer.contains("\r\nLocation: ui/\r\n"), "\(path)")
            }
            #expect(try await head("/ui/", accept: "*/*").hasPrefix("HTTP/1.1 200 "))
            for accept in ["*/*", "application/json"] {
                #expect(try await head("/", accept: accept).hasPrefix("HTTP/1.1 404 "), "\(accept)")
            }
        }
    }

    @Test func `nothing is loaded from elsewhere, and every address is relative`() throws {
        for (path, bytes) in try filesOnDisk() {
            var text = String(decoding: bytes, as: UTF8.self)
            // A name space and an example are no addresses.
            for word in ["http://www.w3.org/2000/svg", "https://example.com/a.flac"] {
                text = text.replacing(word, with: "")
            }
            #expect(!text.contains("http://") && !text.contains("https://"), "\(path)")
            #expect(text.firstMatch(of: /(src|href)="\//) == nil && text.firstMatch(of: /from '\//) == nil, "\(path)")
            #expect(
                !text.contains("innerHTML") && !text.contains("insertAdjacentHTML") && !text.contains("eval("),
                "\(path)")
            #expect(
                !text.contains("document.write") && (!path.hasSuffix(".js") || text.firstMatch(of: /\bstyle:/) == nil),
                "\(path)")
            let first = text.split(separator: "\n").prefix(2).joined(separator: " ")
            #expect(
                first.contains("//") || first.contains("/*") || first.contains("<!--"), "\(path) says what it is for")
        }
    }

    private static let later = Set(Dashboard.later.joined())

    /// The modules that a file needs before it runs, and those that it loads afterwards, by their paths.
    private static func imports(of path: String, _ text: String) -> (first: Set<String>, later: Set<String>) {
        func paths(_ matches: [Substring]) -> Set<String> {
            Set(
                matches.map {
                    URL(filePath: "/" + path).deletingLastPathComponent().appending(path: $0).standardized.path
                        .dropFirst().description
                })
        }
        return (
            paths(text.matches(of: #/from '([^']+)'/#).map(\.output.1)),
            paths(text.matches(of: #/import\('([^']+)'\)/#).map(\.output.1))
        )
    }

    @Test func `what is loaded at first does not need what is loaded later, and that is loaded by somebody`() throws {
        let texts = try filesOnDisk().filter { $0.key.hasSuffix(".js") }.mapValues {
            String(decoding: $0, as: UTF8.self)
        }
        var loadedLater: Set<String> = []
        for (path, text) in texts {
            let imports = Self.imports(of: path, text)
            loadedLater.formUnion(imports.later)
            if !Self.later.contains(path) { #expect(imports.first.isDisjoint(with: Self.later), "\(path)") }
        }
        #expect(loadedLater == Set(Dashboard.later.compactMap(\.first)))
    }

    @Test func `the code that is loaded at first stays within its budget, and so does each screen that comes later`()
        throws
    {
        let files = try filesOnDisk()
        func size(_ isMeant: (String) -> Bool) -> Int {
            files.filter { isMeant($0.key) }.reduce(0) { $0 + $1.value.count }
        }
        #expect(size { $0.hasSuffix(".js") && !Self.later.contains($0) } <= 150_000)
        for screen in Dashboard.later { #expect(size(screen.contains) <= 15_000, "\(screen)") }
        #expect(size { $0.hasSuffix(".css") } <= 30_000)
    }

    @Test func `the facts are those of the program`() async throws {
        try await withServer(settings: { $0.version = "1.2.3" }) { server in
            let facts = try await server.get("/ui/facts.json")
            #expect(facts["version"] == "1.2.3")
            #expect(facts.strings("durabilities") == Durability.allCases.map(\.rawValue))
            #expect(facts.json["download_concurrency"] as? [Int] == [1, 10])
            for (state, facts) in zip(JobState.allCases, facts.list("states")) {
                #expect(facts["state"] as? String == state.rawValue)
                #expect(facts["verbs"] as? [String] == state.allowedVerbs)
                #expect(facts["index"] as? String == state.index.rawValue)
                #expect(facts["final"] as? Bool == state.isFinal)
            }
            #expect(facts.list("states").count == JobState.allCases.count)
        }
    }

    @Test func `the system is described with its version, its Redis and the findings`() async throws {
        try await withServer(settings: { $0.version = "1.2.3" }) { server in
            let answer = try await server.get("/api/v1/system")
            #expect(answer.status == 200)
            let server = try #require(answer.json["server"] as? [String: Any])
            #expect(server["version"] as? String == "1.2.3" && server["uptime_seconds"] is NSNumber)
            let redis = try #require(answer.json["redis"] as? [String: Any])
            #expect(redis["role"] as? String == "master" && (redis["version"] as? String)?.isEmpty == false)
            #expect((redis["used_memory_bytes"] as? NSNumber)?.intValue ?? 0 > 0)
            #expect(answer.json["findings"] is [Any])
        }
    }
}
