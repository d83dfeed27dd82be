// Listens for wake tokens while a queue's loop has room for jobs.

import MartletQueue
import Synchronization

/// At most one wait for a token at a time.
///
/// It stays through turns, so that a worker with room does not give up its place in Redis' line; without room it is
/// withdrawn, so that it takes no token away from a worker that could use it.
final class WakeListener: Sendable {
    /// Longer than any poll: the loop's own timer does the polling.
    private static let patience = Duration.seconds(30)

    private let queue: Queue
    private let inbox: TurnInbox
    private let crew: Crew
    private let task = Mutex<(number: Int, task: Task<Void, Never>)?>(nil)
    private let numbers = Atomic(0)

    init(queue: Queue, inbox: TurnInbox, crew: Crew) {
        self.queue = queue
        self.inbox = inbox
        self.crew = crew
    }

    func start() {
        task.withLock { task in
            guard task == nil else { return }
            let number = numbers.add(1, ordering: .relaxed).newValue
            task = (number, Task(executorPreference: crew.lane.executor) { await self.listen(number) })
        }
    }

    func stop() {
        task.withLock { task in
            task?.task.cancel()
            task = nil
        }
    }

    private func listen(_ number: Int) async {
        let hasToken = (try? await queue.waitForWork(atMost: Self.patience)) ?? false
        task.withLock { task in
            if task?.number == number { task = nil }
        }
        if hasToken { inbox.woken() }
    }
}
