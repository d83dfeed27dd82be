// The secret of a track's URL: used by the worker, and neither stored nor shown.

import FoundationEssentials
import MartletJSON
import MartletQueue
import Testing

@testable import MartletCLI

@Suite struct TrackSecretTests {
    private static let tracks = (good: "6f1c3a1e-7b0a-4a54-8f3f-2b1f6d0f8a11", bad: UUID().uuidString.lowercased())

    @Test func `the secret of the source URL reaches the origin and no surface`() async throws {
        let file = OriginFile(name: Self.tracks.good, size: 1000, seed: 1)
        try await TestStack.with(OriginContent(files: [file], bytesPerSecond: 1 << 30)) { stack in
            let source = stack.origin.url(of: "{track_id}") + "?key=canary"
            let settings = ["DOWNLOAD__SOURCE_URL": source, "LOG_LEVEL": "trace"]
            try await stack.serve(settings)
            try stack.work(settings)
            for track in [Self.tracks.good, Self.tracks.bad] {
                let body = JSONValue.object(["track_id": .string(track), "filename": .string(track)])
                let id = try #require(try await stack.post("/api/downloads", body)["id"].string)
                let isGood = track == Self.tracks.good
                try await stack.until(id, is: isGood ? "completed" : "failed")
                let shown = try await stack.download(id)
                #expect(shown["track_id"].string == track)
                #expect(shown["url"].string == stack.origin.url(of: track))
                for path in ["/api/downloads/\(id)", "/api/v1/jobs/\(id)", "/api/v1/jobs?queue=downloads"] {
                    #expect(try await !stack.text(path).contains("canary"), "\(path)")
                }
                #expect(try await !String(decoding: stack.record(id).payload, as: UTF8.self).contains("canary"))
            }
            #expect(try stack.hasRightBytes(Self.tracks.good))
            for arguments in [["doctor"], ["job", "list"], ["download", "list"], ["audit"]] {
                let result = try await stack.martlet(arguments, environment: settings)
                #expect(!(result.output + result.errors).contains("canary"), "\(arguments)")
            }
            for log in ["serve", "work"] {
                let text = TestStack.text("\(stack.directory)/\(log).log")
                #expect(!text.isEmpty && !text.contains("canary"), "\(log)")
            }
        }
    }
}
