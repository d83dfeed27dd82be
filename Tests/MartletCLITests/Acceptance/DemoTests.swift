// The demonstration itself, in a pipe.

import FoundationEssentials
import MartletCommandSupport
import Testing

@testable import MartletCLI

@Suite struct DemoTests {
    @Test(.timeLimit(.minutes(6))) func `the demonstration ends with its result line`() async throws {
        let log = "/tmp/martlet-demotest-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let demo = try Subprocess(
            Program.path, ["demo"], environment: Subprocess.plainEnvironment, output: log, errors: log)
        let status = await demo.wait(within: .seconds(300))
        let text = TestStack.text(log)
        #expect(status == 0, "\(text)")
        #expect(text.split(separator: "\n").last == "24 downloaded, 0 lost, 0 corrupted", "\(text)")
        for word in ["batch", "pause", "resume", "SIGKILL", "takes its place", "SHA-256"] {
            #expect(text.contains(word), "the demonstration does not say \(word)")
        }
        #expect(!text.contains("\u{1B}"), "no colours in a pipe")
    }
}
