// Names of files and spellings of URLs, with real processes: nothing is fetched in vain.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import Testing

@testable import MartletCLI

@Suite(.serialized) struct NameTests {
    @Test func `downloads with the same name all complete, and a refused one is retried under another name`()
        async throws
    {
        let content = OriginContent(
            files: [
                OriginFile(name: "a.bin", size: 30_000, seed: 1), OriginFile(name: "b.bin", size: 40_000, seed: 2),
                OriginFile(name: "c.bin", size: 50_000, seed: 3),
            ], bytesPerSecond: 1 << 30)
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try stack.work()
            func add(_ name: String, _ more: (String, JSONValue)...) async throws -> String {
                var fields: JSONObject = ["url": .string(stack.origin.url(of: name)), "filename": "same.bin"]
                for (key, value) in more { fields[key] = value }
                let answer = try await stack.post("/api/downloads", .object(fields))
                return try #require(answer["id"].string)
            }
            var names: [String] = []
            for file in ["a.bin", "b.bin"] {
                let id = try await add(file)
                try await stack.until(id, is: "completed")
                names.append(try #require(try await stack.download(id)["filename"].string))
            }
            #expect(names == ["same.bin", "same (2).bin"])
            let refused = try await add("c.bin", ("on_conflict", "error"), ("max_retries", .integer(0)))
            try await stack.until(refused, is: "failed")
            #expect(try await stack.download(refused)["error"].string?.hasPrefix("file_exists: ") == true)
            #expect(!stack.origin.servings.contains { $0.name == "c.bin" }, "nothing was fetched in vain")
            _ = try await stack.post("/api/downloads/\(refused)/retry", .object(["filename": "c.bin"]))
            try await stack.until(refused, is: "completed")
            #expect(try stack.hasRightBytes("c.bin"))
            #expect(try await stack.download(refused)["error"].string == nil)
        }
    }

    @Test func `a unique download is refused under every spelling of its URL`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            try await stack.serve()
            func push(_ url: String) async throws {
                _ = try await stack.post("/api/downloads", .object(["url": .string(url), "unique": true]))
            }
            try await push("http://localhost/a/b?c=d")
            for url in ["HTTP://LocalHost:80/a/b?c=d#e", "http://localhost/x/../a/%62?c=d"] {
                let failure = await #expect(throws: CommandFailure.self) { try await push(url) }
                #expect(failure?.message.contains("holds") == true, "\(failure?.message ?? "")")
            }
            try await push("http://localhost/a/b?c=D")
        }
    }
}
