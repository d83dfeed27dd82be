// Listens for wake tokens while a queue's loop has free slots.

import MartletQueue
import Synchronization

/// Keeps at most one wait for a wake token.
///
/// The wait continues during turns, so that a worker with free slots keeps its place among the waiting workers. Without
/// free slots it is withdrawn, so that it does not take tokens from workers that could use them.
final class WakeListener: Sendable {
    /// Longer than any poll interval: the loop's own timer polls.
    private static let waitLimit = Duration.seconds(30)

    private let queue: Queue
    private let inbox: TurnInbox
    private let context: WorkerContext
    private let task = Mutex<(number: Int, task: Task<Void, Never>)?>(nil)
    private let numbers = Atomic(0)

    init(queue: Queue, inbox: TurnInbox, context: WorkerContext) {
        self.queue = queue
        self.inbox = inbox
        self.context = context
    }

    func start() {
        task.withLock { task in
            guard task == nil else { return }
            let number = numbers.add(1, ordering: .relaxed).newValue
            task = (number, Task(executorPreference: context.connection.executor) { await self.listen(number) })
        }
    }

    func stop() {
        task.withLock { task in
            task?.task.cancel()
            task = nil
        }
    }

    private func listen(_ number: Int) async {
        let hasToken = (try? await queue.waitForWork(atMost: Self.waitLimit)) ?? false
        task.withLock { task in
            if task?.number == number { task = nil }
        }
        if hasToken { inbox.woken() }
    }
}
