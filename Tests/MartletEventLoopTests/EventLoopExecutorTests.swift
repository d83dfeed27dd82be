// Tasks on an event loop: batches, flushes at their end, and sockets that are served in spite of busy tasks.

import MartletEventLoop
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@Suite struct EventLoopExecutorTests {
    @Test func `tasks that wait run as one batch, and flushes come at its end`() async throws {
        let flushes = Array(repeating: "flush", count: 3)
        let expected =
            ["task 1", "task 2", "task 3"] + flushes + ["later task 1", "later task 2", "later task 3"]
        var seen: [String] = []
        // A batch is cut where the thread stands still for a millisecond.
        for _ in 0..<20 where seen != expected {
            try await withConnection { connection in
                let log = connection.log
                await connection.run {
                    for number in 1...3 {
                        connection.start {
                            log.add("task \(number)")
                            connection.write("\(number)")
                            connection.start { log.add("later task \(number)") }
                        }
                    }
                }
                try await eventually("all tasks have run") { log.all.count { $0.hasPrefix("later") } == 3 }
                seen = log.all
                try await eventually("the client has read all") { connection.client.text == "123" }
            }
        }
        #expect(seen == expected)
    }

    @Test func `a flush outside of a batch is done at once`() async throws {
        try await withConnection { connection in
            let log = connection.log
            try await connection.server.eventLoop.submit {
                connection.write("1")
                log.add("written")
            }.get()
            #expect(log.all == ["flush", "written"])
            try await eventually("the client has read it") { connection.client.text == "1" }
        }
    }

    @Test func `what a task wrote is sent although the tasks behind it compute for long`() async throws {
        var fewest = Int.max
        // A machine that stands still meanwhile spoils one round; a flush that waits spoils all.
        for _ in 0..<6 where fewest >= 1000 {
            try await withConnection { connection in
                let computed = Atomic(0)
                await connection.run {
                    connection.start { connection.write("1") }
                    for _ in 0..<5000 {
                        connection.start {
                            guard connection.client.text.isEmpty else { return }
                            spin(for: .milliseconds(1))
                            computed.add(1, ordering: .relaxed)
                        }
                    }
                }
                try await eventually("the client has read it") { connection.client.text == "1" }
                await connection.run {}
                fewest = min(fewest, computed.load(ordering: .relaxed))
            }
        }
        #expect(fewest < 1000, "the flush waited for tasks that had nothing to write")
    }

    @Test func `a task that always has a next step does not keep the loop from reading`() async throws {
        try await withConnection { connection in
            let busy = Task(executorPreference: connection.executor) {
                while !Task.isCancelled { await Task.yield() }
            }
            try await connection.client.channel.writeAndFlush(ByteBuffer(string: "x")).get()
            try await eventually("the loop has read what arrived") { connection.log.all.contains("read") }
            busy.cancel()
            await busy.value
        }
    }

    @Test func `a task that writes and closes in one batch loses nothing`() async throws {
        try await withConnection { connection in
            await connection.run {
                connection.write("all of it")
                connection.server.close(promise: nil)
            }
            try await eventually("the client has seen the end") { connection.client.isClosed }
            #expect(connection.client.text == "all of it")
        }
    }

    @Test func `a loop has one executor, and each loop has its own`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let executors = EventLoopExecutors()
        let (first, second) = (group.next(), group.next())
        #expect(executors.executor(of: first) === executors.executor(of: first))
        #expect(executors.executor(of: first) !== executors.executor(of: second))
        let home = try await first.submit { thisThread() }.get()
        let thread = await Task(executorPreference: executors.executor(of: first)) { thisThread() }.value
        #expect(thread == home)
        try await group.shutdownGracefully()
    }
}
