// Requests sent in one write, and the repetition of those whose function or script the server did not know.

extension RedisClient {
    /// Sends `requests` in one write and waits for all replies.
    ///
    /// Other tasks' requests do not come between them, except that functions and scripts which the server does not know yet
    /// follow later.
    ///
    /// - Parameter requests: the requests, in order.
    /// - Returns: a result for each request, in the same order.
    public func send(_ requests: [RedisRequest]) async -> [Result<RedisValue, RedisError>] {
        await send(requests, closing: []).map(\.result)
    }

    /// Sends `requests` followed by `closing` on the same connection, in one write.
    ///
    /// The closing replies of a request must come after it. Functions and scripts that the server did not know are
    /// therefore sent again, followed by the closing requests once more.
    ///
    /// - Returns: for each request its result and the results of the closing requests.
    package func send(
        _ requests: [RedisRequest], closing: [RedisRequest]
    ) async -> [(result: Result<RedisValue, RedisError>, closing: [Result<RedisValue, RedisError>])] {
        guard !requests.isEmpty else { return [] }
        var forms = requests.map(functions.firstForm)
        let first = await sendOnce(requests + closing, as: forms)
        let end = Array(first.dropFirst(requests.count))
        var results = first.prefix(requests.count).map { (result: $0, closing: end) }
        var open = Array(requests.indices)
        var loads = 0
        while true {
            open = await again(open, of: requests, &forms, &results, &loads)
            guard !open.isEmpty else { return results }
            let replies = await sendOnce(open.map { requests[$0] } + closing, as: open.map { forms[$0] })
            let newEnd = Array(replies.dropFirst(open.count))
            for (index, result) in zip(open, replies) { results[index] = (result, newEnd) }
        }
    }

    /// The requests that the server did not know, each with the form in which to repeat it.
    private func again(
        _ open: [Int], of requests: [RedisRequest], _ forms: inout [RequestForm],
        _ results: inout [(result: Result<RedisValue, RedisError>, closing: [Result<RedisValue, RedisError>])],
        _ loads: inout Int
    ) async -> [Int] {
        var unknown: [Int] = []
        // One load serves all of them.
        var afterLoad: Result<RequestForm?, RedisError>?
        for index in open {
            let isMissing = Self.isMissingFunction(results[index].result, forms[index])
            let next: Result<RequestForm?, RedisError>
            if isMissing, let afterLoad {
                next = afterLoad
            } else {
                next = await formAgain(requests[index], sentAs: forms[index], results[index].result, &loads)
                if isMissing { afterLoad = next }
            }
            switch next {
            case .success(nil): break
            case .success(let form?):
                forms[index] = form
                unknown.append(index)
            case .failure(let error): results[index].result = .failure(error)
            }
        }
        return unknown
    }

    private static func isMissingFunction(_ result: Result<RedisValue, RedisError>, _ form: RequestForm) -> Bool {
        guard form == .named, case .failure(let error) = result else { return false }
        return error.code == .noFunction
    }
}
