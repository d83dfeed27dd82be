// SIGTERM and SIGINT to a program that runs a worker outside of a service group.

import FoundationEssentials
import MartletJobs
import MartletProcess
import MartletQueue
import MartletRedis
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program beside the tests, ended with the test at the latest.
private final class Program: Sendable {
    let processID: Int32

    init(_ name: String, _ arguments: [String], _ variables: [String: String] = [:]) throws {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let directory = tests.split(separator: "/").dropLast().joined(separator: "/")
        let program = ChildProgram(
            "/\(directory)/\(name)", arguments,
            environment: ProcessInfo.processInfo.environment.merging(variables) { $1 },
            descriptors: [0: .nothing, 1: .file("/dev/null"), 2: .file("/dev/null")])
        processID = try program.start()
    }

    func send(_ signal: Int32) { _ = kill(processID, signal) }

    /// The status that `waitpid` gives when it has ended.
    func end() async throws -> Int32 {
        var status: Int32 = 0
        try await eventually(within: .seconds(60), "the program ends") {
            waitpid(processID, &status, WNOHANG) == processID
        }
        return status
    }
}

@Suite(.serialized) struct SignalTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `the first signal lets the running job finish, and the program ends with 0`(_ signal: Int32) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<3).map { _ in NewJob(type: "gated", payload: []) }
            _ = try await queue.enqueue(jobs)
            let program = try Program("TestWorker", [try await SharedRedis.url(), harness.prefix, "1"])
            defer { program.send(SIGKILL) }
            try await eventually(within: .seconds(60), "the first runs") {
                try await queue.job(jobs[0].id)?.checkpoint != nil
            }
            program.send(signal)
            try await harness.waitForStop()
            _ = try await harness.queue("gate").enqueue(NewJob(type: "open", payload: []))
            #expect(try await program.end() == 0)
            let states = try await queue.jobs(jobs.map(\.id))
            #expect(states.map { $0?.state } == [.completed, .queued, .queued])
            #expect(states.allSatisfy { $0?.lost == 0 })
        }
    }

    @Test func `a signal in the moment of the start is a request to stop, too`() async throws {
        try await withStore { harness in
            let job = NewJob(type: "steady", payload: [])
            _ = try await harness.queue().enqueue(job)
            let arguments = [try await SharedRedis.url(), harness.prefix, "1", "stops-at-start"]
            for _ in 0..<5 {
                let program = try Program("TestWorker", arguments)
                defer { program.send(SIGKILL) }
                #expect(try await program.end() == 0)
            }
            #expect(try await harness.queue().job(job.id)?.lost == 0)
        }
    }

    @Test func `the second signal ends the program at once`() async throws {
        try await withStore { harness in
            let job = NewJob(type: "gated", payload: [])
            _ = try await harness.queue().enqueue(job)
            let program = try Program("TestWorker", [try await SharedRedis.url(), harness.prefix, "1"])
            defer { program.send(SIGKILL) }
            // A job whose handler has not begun would be given back, and the program would end by itself.
            try await eventually(within: .seconds(60), "it runs") {
                try await harness.queue().job(job.id)?.checkpoint != nil
            }
            program.send(SIGTERM)
            try await harness.waitForStop()
            program.send(SIGTERM)
            #expect(try await program.end() >> 8 & 0xFF == 128 + SIGTERM)
        }
    }

    @Test func `the program of the README ends with 0`() async throws {
        try await withStore { harness in
            let variables = ["REDIS_URL": try await SharedRedis.url(), "REDIS_PREFIX": harness.prefix]
            let program = try Program("GuideProgram", [], variables)
            defer { program.send(SIGKILL) }
            let queue = harness.queue("default")
            try await eventually(within: .seconds(60), "it has greeted") {
                try await queue.status()?.jobs[.completed] == 1
            }
            program.send(SIGTERM)
            #expect(try await program.end() == 0)
        }
    }
}

extension QueueHarness {
    /// Waits until a worker has said that it is stopping.
    fileprivate func waitForStop() async throws {
        try await eventually(within: .seconds(60), "it is stopping") {
            try await queue().workers().contains { card in
                String(decoding: card.info, as: UTF8.self).contains("\"state\":\"stopping\"")
            }
        }
    }
}
