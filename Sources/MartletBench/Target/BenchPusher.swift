// The pushing side of the benchmark: the public client, called as an application would.

import FoundationEssentials
import MartletCommandSupport
import MartletJobs
import MartletQueue

/// Pushes what an order says.
struct BenchPusher: Sendable {
    let queue: Queue
    let order: PushOrder
    private let pad: String

    init(queue: Queue, order: PushOrder) {
        self.queue = queue
        self.order = order
        pad = String(repeating: "x", count: max(0, order.payload - BenchJob.overhead))
    }

    /// Pushes, and returns how long that took.
    func run() async throws -> PushReport {
        let (start, cpu) = (BenchClock.now, BenchClock.ownCPU)
        switch order.mode {
        // A single client that pushes all the time does so on the connection's thread, as the guide advises.
        case .single: try await withTaskExecutorPreference(queue.executor) { try await pushOneByOne(order.jobs) }
        case .bulk: try await pushInBulk()
        case .concurrent: try await pushAtOnce()
        case .paced: try await pushInTime()
        case .steady: try await pushSteadily()
        }
        return PushReport(jobs: order.jobs, seconds: BenchClock.now - start, cpu: BenchClock.ownCPU - cpu)
    }

    private func pushOneByOne(_ count: Int) async throws {
        for _ in 0..<count { try await queue.enqueue(job()) }
    }

    private func pushInBulk() async throws {
        let batch = max(1, order.batch ?? Queue.batchLimit)
        let tasks = max(1, order.tasks ?? 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    for start in stride(from: task * batch, to: order.jobs, by: tasks * batch) {
                        try await push(start..<min(start + batch, order.jobs))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func pushAtOnce() async throws {
        let tasks = max(1, order.tasks ?? 256)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                let count = order.jobs / tasks + (task < order.jobs % tasks ? 1 : 0)
                group.addTask { try await pushOneByOne(count) }
            }
            try await group.waitForAll()
        }
    }

    private func pushInTime() async throws {
        let rate = order.rate ?? 20
        if rate < 1000 {
            for _ in 0..<order.jobs {
                try await Task.sleep(for: .seconds(Double.random(in: 0.5...1.5) / rate))
                try await queue.enqueue(job())
            }
            return
        }
        let start = BenchClock.now
        var pushed = 0
        while pushed < order.jobs {
            let due = min(order.jobs, Int((BenchClock.now - start) * rate))
            if due > pushed { try await push(pushed..<due) }
            pushed = due
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Pushes each job at its moment; one whose moment has passed already is pushed at once.
    private func pushSteadily() async throws {
        let (tasks, rate) = (max(1, order.tasks ?? 64), order.rate ?? 20)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<min(tasks, order.jobs) {
                group.addTask {
                    for number in stride(from: task, to: order.jobs, by: tasks) {
                        try await Task.sleep(until: start + .seconds(Double(number) / rate))
                        try await queue.enqueue(job())
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Pushes the jobs with these numbers in one call.
    private func push(_ numbers: Range<Int>) async throws {
        guard order.due != nil || order.priorities != nil else {
            try await queue.enqueue(contentsOf: numbers.map { _ in job() })
            return
        }
        let encoder = JSONEncoder()
        let delay = order.due.map { Duration.milliseconds($0) - .seconds(BenchClock.now) } ?? .zero
        let jobs = try numbers.map { number in
            NewJob(
                type: BenchJob.name, payload: Array(try encoder.encode(job())),
                priority: number % (order.priorities ?? 1), delay: max(.zero, delay))
        }
        for verdict in try await queue.enqueue(jobs) {
            guard case .created = verdict else { throw CommandFailure(.failed, "a push was refused: \(verdict)") }
        }
    }

    private func job() -> BenchJob {
        BenchJob(at: order.due.map { Double($0) / 1000 } ?? BenchClock.now, pad: pad)
    }
}
