// What the guide PushingJobs shows.

import Martlet

struct SendMail: Job {
    static let name = "send-mail"
    static var defaults: JobDefaults { JobDefaults(queue: "mail", maxRetries: 5, timeout: .seconds(30)) }
    var to: String
    var template: String
}

struct Add: Job {
    typealias Output = Int
    static let name = "add"
    var a: Int
    var b: Int
}

func pushOne() async throws {
    struct SendMail: Job {
        static let name = "send-mail"
        static var defaults: JobDefaults { JobDefaults(queue: "mail", maxRetries: 5, timeout: .seconds(30)) }
        var to: String
        var template: String
    }

    let martlet = try await Martlet(.environment())
    let mail = try martlet.queue("mail")
    try await mail.enqueue(SendMail(to: "ada@example.com", template: "welcome"))
}

func pushWithTerms(_ mail: Queue) async throws {
    try await mail.enqueue(
        SendMail(to: "ada@example.com", template: "reminder"),
        priority: 10,  // −1000 to 1000, larger runs first, default 0
        delay: .seconds(3600),  // up to 365 days
        maxRetries: 3,  // 0 to 100, after the first attempt
        retryPolicy: .exponential(base: .seconds(5), jitter: 0.2),  // default: 1 s, 2 s, 4 s and so on
        timeout: .seconds(30),  // of one attempt, default none
        tags: ["billing", "eu"],  // up to 16, for people
        limits: ["tenant:7", LimitKey("host:mx.example.com", weight: 2)],  // up to 8, for limits of the queue
        metadata: ["customer": "4711"])  // a JSON object of at most 16 KiB, for people
}

func pushOnce(_ mail: Queue) async throws {
    let id = try JobID(validating: "order-4711-confirmation")
    let job = try await mail.enqueue(SendMail(to: "ada@example.com", template: "order"), id: id)
    print(job.existed)  // true when this push had been made before
}

func pushUnique(_ mail: Queue) async throws {
    do {
        try await mail.enqueue(SendMail(to: "ada@example.com", template: "digest"), uniqueKey: "digest-ada")
    } catch EnqueueError.uniqueKeyTaken(let holder) {
        print("\(holder) does it already")
    }
}

func pushMany(_ mail: Queue, _ addresses: [String]) async throws -> Int {
    let jobs = try await mail.enqueue(contentsOf: addresses.map { SendMail(to: $0, template: "news") }, priority: -5)
    return jobs.count
}

func pushAllOrNothing(_ queue: Queue) async throws {
    let jobs = try [
        NewJob(SendMail(to: "ada@example.com", template: "order")),
        NewJob(Add(a: 2, b: 3), id: JobID(validating: "sum-4711"), options: JobOptions(priority: 5, tags: ["billing"])),
    ]
    if case .refused(let index, let verdict) = try await queue.enqueueAtomically(jobs) {
        print("nothing was pushed, because of job \(index): \(verdict)")
    }
}

func pushFromTheConnection(_ mail: Queue, _ addresses: [String]) async throws {
    try await withTaskExecutorPreference(mail.executor) {
        for address in addresses { try await mail.enqueue(SendMail(to: address, template: "news")) }
    }
}

func pushDurably(_ mail: Queue, id: JobID) async throws {
    let order = try await mail.enqueue(
        SendMail(to: "ada@example.com", template: "order"), id: id, durability: .replicated)
    if case .unconfirmed(_, let reason) = order.durability { print("pushed, but \(reason)") }
}

func waitForTheResult(_ queue: Queue) async throws -> Int {
    let answer = try await queue.enqueue(Add(a: 2, b: 3)).result(within: .seconds(10))
    return answer
}
