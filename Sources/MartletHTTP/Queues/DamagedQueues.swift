// Queues that cannot be read: the damage of one keeps no other from its answer.

import MartletJSON
import MartletJobs
import MartletQueue

/// The queues of a request that cannot be read, with their errors.
struct DamagedQueues: Sendable {
    private var errors: [QueueName: QueueError] = [:]

    /// Creates the list of these queues.
    init(_ errors: [QueueName: QueueError] = [:]) { self.errors = errors }

    /// The error of the first of them by name; `nil` when there is none.
    var firstError: QueueError? { errors.min { $0.key < $1.key }?.value }

    /// Adds a queue; throws an error that is not only about this queue.
    mutating func add(_ name: QueueName, _ error: QueueError) throws(QueueError) {
        guard error.isOfOneQueue else { throw error }
        errors[name] = error
    }

    /// Adds those of another list.
    mutating func add(_ others: DamagedQueues) { errors.merge(others.errors) { first, _ in first } }

    /// The member of a response that lists the queues; none when all could be read.
    func members(for caller: Caller) -> [(key: String, value: JSONOutput)] {
        guard !errors.isEmpty else { return [] }
        let rows = errors.sorted { $0.key < $1.key }.map { name, error in
            JSONOutput.object([
                "name": .string(name.description), "code": .string(error.publicCode),
                "detail": .string(error.publicText), "cause": caller.seesCauses ? .string(error.message) : nil,
            ])
        }
        return [("damaged", .array(rows))]
    }
}

extension DamagedQueues {
    /// The description of ``members(for:)``.
    static let property = Property.maybe("damaged", .list(shape), "The queues that cannot be read.")

    private static let shape = ObjectShape(
        "DamagedQueue", "A queue that cannot be read.",
        [
            .always("name", .text, "The queue."), .always("code", .text, "The code of the problem."),
            .always("detail", .text, "What is wrong."),
            .maybe("cause", .text, "What Redis answered; for callers with the role `operate`."),
        ])
}

extension Call {
    /// Reads each queue by itself: the values by name, and the queues that cannot be read.
    func readEach<Value: Sendable>(
        _ names: [QueueName], _ read: @escaping @Sendable (Queue) async throws(QueueError) -> Value
    ) async throws -> (values: [QueueName: Value], damaged: DamagedQueues) {
        var values: [QueueName: Value] = [:]
        var damaged = DamagedQueues()
        try await withThrowingTaskGroup(of: (QueueName, Result<Value, QueueError>).self) { group in
            for name in names {
                let queue = store.queue(name)
                group.addTask {
                    do throws(QueueError) { return (name, .success(try await read(queue))) } catch {
                        return (name, .failure(error))
                    }
                }
            }
            for try await (name, result) in group {
                switch result {
                case .success(let value): values[name] = value
                case .failure(let error): try damaged.add(name, error)
                }
            }
        }
        return (values, damaged)
    }
}
