// The workers that the guide shows are those in the folder of examples.

import FoundationEssentials
import TestSupport
import Testing

@Suite struct ExampleFileTests {
    @Test(arguments: [("worker.py", "python"), ("worker.mjs", "js"), ("worker.sh", "bash")])
    func `a worker of the guide is the file that the tests run`(file: String, language: String) throws {
        let text = try Guides.text(of: "config/workers/\(file)")
        let blocks = try Guides.blocks(in: language).map { $0.lines.joined(separator: "\n") + "\n" }
        #expect(blocks == [text])
    }
}
