// The jobs that `martlet dev` runs beside downloads.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

@Suite struct DevJobsTests {
    @Test func `dev completes echo and sleep jobs of the queue default, and work does not take them`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 100 << 20)) { stack in
            let port = try await LoopbackPort.free()
            let environment = Subprocess.plainEnvironment.merging(["HTTP_PORT": String(port)]) { $1 }
            _ = try stack.startBare(["dev"], environment)
            let server = ["MARTLET_SERVER": "http://127.0.0.1:\(port)"]
            try await stack.until("dev is ready") {
                try await stack.martlet("stats", environment: server).status == 0
            }
            let echo = try await stack.martlet(
                "enqueue", "echo", "-d", #"{"who":"Ada","list":[1,2.5,null,true]}"#, "--wait", "-o", "json",
                environment: server)
            #expect(echo.status == 0, "\(echo.errors)")
            #expect(echo.output.contains("completed"), "\(echo.output)")
            #expect(echo.output.contains("Ada"))
            for value in ["[1]", #"{"big":1e400}"#, "null", "1.0", #""x""#] {
                let echo = try await stack.martlet(
                    "enqueue", "echo", "-d", value, "--wait", "-o", "json", environment: server)
                #expect(echo.status == 0, "\(value): \(echo.errors)")
                #expect(echo.json["output"].line == value, "\(echo.output)")
            }
            let sleep = try await stack.martlet(
                "enqueue", "sleep", "-d", #"{"seconds":0.2}"#, "--wait", "-o", "json", environment: server)
            #expect(sleep.status == 0, "\(sleep.errors)")
            let settings = try ServiceSettings.load(environment: [:])
            #expect(settings.worker.queues == [QueueSlots("downloads", 10)])
        }
    }

    @Test func `dev suggests only jobs that its worker runs`() {
        let both = DevEnvironment.examples(of: ["downloads", "default"], " --server http://h:1").split(separator: "\n")
        #expect(both.count == 2 && both[0].hasPrefix("Try:       martlet download add "))
        #expect(both[1] == #"           martlet enqueue echo -d '{"who": "Ada"}' --wait --server http://h:1"#)
        #expect(!DevEnvironment.examples(of: ["downloads"]).contains("echo"))
        #expect(DevEnvironment.examples(of: ["default"]).hasPrefix("\nTry:       martlet enqueue echo "))
        #expect(DevEnvironment.examples(of: ["other"]).isEmpty)
    }
}
