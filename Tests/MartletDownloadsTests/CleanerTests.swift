// Part files of dead jobs go, everything else stays.

import Foundation
import MartletJobs
import Synchronization
import Testing

@testable import MartletDownloads

@Suite struct CleanerTests {
    private func create(_ names: [String], in harness: DownloadHarness) {
        for name in names { _ = FileManager.default.createFile(atPath: harness.path(name), contents: Data([1])) }
    }

    @Test func `only parts of finished jobs are removed`() async throws {
        let harness = try DownloadHarness()
        create(
            [".a.dead.1-abc.part", ".a.live.1-abc.part", "a", ".a", "b.part", ".b.part", ".x.y.z.part"], in: harness)
        try FileManager.default.createDirectory(
            atPath: harness.path(".d.dead.1-abc.part"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: harness.path(".l.dead.1-abc.part"), withDestinationPath: "a")
        let cleaner = PartFileCleaner(directory: harness.directory) { ids in
            Set(ids.filter { $0.description == "live" })
        }
        #expect(try await cleaner.clean() == [".a.dead.1-abc.part"])
        #expect(
            harness.names == [
                ".a", ".a.live.1-abc.part", ".b.part", ".d.dead.1-abc.part", ".l.dead.1-abc.part", ".x.y.z.part", "a",
                "b.part",
            ])
        #expect(try await cleaner.clean().isEmpty)
    }

    @Test func `a part that could belong to an unfinished job is kept`() async throws {
        let harness = try DownloadHarness()
        create([".a.b.c.1-abc.part"], in: harness)
        for live in ["b.c", "c"] {
            let cleaner = PartFileCleaner(directory: harness.directory) { Set($0.filter { $0.description == live }) }
            #expect(try await cleaner.clean().isEmpty)
        }
        #expect(try await PartFileCleaner(directory: harness.directory) { _ in [] }.clean().count == 1)
    }

    @Test func `a locked part is kept`() async throws {
        let harness = try DownloadHarness()
        create([".a.dead.1-abc.part"], in: harness)
        let holder = try #require(FileHandleForTests(harness.path(".a.dead.1-abc.part")))
        try #require(holder.lock())
        #expect(try await PartFileCleaner(directory: harness.directory) { _ in [] }.clean().isEmpty)
        #expect(harness.parts.count == 1)
        _ = holder
    }

    @Test func `many parts are looked up in batches, and a failed look-up removes nothing`() async throws {
        let harness = try DownloadHarness()
        create((0..<1100).map { ".f.job\($0).1-abc.part" }, in: harness)
        let sizes = Mutex<[Int]>([])
        let failing = PartFileCleaner(directory: harness.directory) { ids in
            sizes.withLock { $0.append(ids.count) }
            if ids.count < 500 { throw Fenced() }
            return []
        }
        await #expect(throws: Fenced.self) { try await failing.clean() }
        #expect(sizes.withLock { $0 } == [500, 500, 100])
        #expect(harness.parts.count == 1100)
        #expect(try await PartFileCleaner(directory: harness.directory) { _ in [] }.clean().count == 1100)
    }

    @Test func `a directory that does not exist is clean`() async throws {
        #expect(try await PartFileCleaner(directory: "/nonexistent/downloads") { _ in [] }.clean().isEmpty)
    }
}
