// The reader of a store's events: one blocking connection for all listeners of the process, only while there are any.

import MartletJobs
import MartletRedis
import Synchronization

/// How the reader works.
enum EventPace {
    /// For how long a queue publishes its events without hearing of a listener again.
    static let window = Duration.seconds(30)
    /// How often listeners say that they are there.
    static let renewal = Duration.seconds(10)
    /// How often the names of the queues are read, so that new ones are found.
    static let poll = Duration.seconds(1)
    /// How often listeners whose time is over are woken.
    static let tick = Duration.milliseconds(100)
    /// How long a stream stays when nobody listens any more.
    static let keeping = Duration.seconds(3600)
    /// The most entries of a queue that one read takes.
    static let page = 100
}

extension JobStore {
    /// Reads events for as long as there are listeners, again and again, until the store ends.
    func serveEvents() async {
        for await _ in listeners.wanted {
            while listeners.count > 0, !Task.isCancelled { await serveListeners() }
        }
        listeners.end()
    }

    private func serveListeners() async {
        var configuration = redis.configuration
        configuration.asksForClientID = true
        configuration.clientName = configuration.clientName.map { "\($0)-events" }
        let client = RedisClient(configuration, beside: redis, logger: logger)
        eventConnection.withLock { $0 = client }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await client.run() }
            group.addTask { [listeners] in
                while (try? await Task.sleep(for: EventPace.tick)) != nil { listeners.tick() }
            }
            var reader = EventStreamReader(store: self, client: client)
            // It ends when the last listener has gone.
            await reader.run()
            group.cancelAll()
        }
        eventConnection.withLock { $0 = nil }
    }
}

/// One life of the reader.
struct EventStreamReader {
    let store: JobStore
    let client: RedisClient
    private var follower = EventFollower()
    private var polledAt: ContinuousClock.Instant?
    private var renewedAt: ContinuousClock.Instant?

    init(store: JobStore, client: RedisClient) {
        self.store = store
        self.client = client
    }

    mutating func run() async {
        while store.listeners.count > 0, !Task.isCancelled {
            do throws(QueueError) {
                // Who comes while the queues are looked up waits for the next round.
                let newcomers = store.listeners.newcomers
                try await follow(atOnce: !newcomers.isEmpty)
                store.listeners.activate(newcomers, follower)
                try await read()
            } catch {
                store.listeners.refuse(error)
                // Whatever happened meanwhile: what was read last must still be there.
                (polledAt, renewedAt) = (nil, nil)
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Finds the queues, and has them publish.
    private mutating func follow(atOnce: Bool) async throws(QueueError) {
        let now = ContinuousClock.now
        let isDue = polledAt.map { now - $0 >= EventPace.poll } ?? true
        guard isDue || atOnce else { return }
        let replies = await store.redis.send([.command("TIME"), .command("SMEMBERS", store.queuesKey)])
        let (time, names) = (try Self.value(replies[0]), try Self.value(replies[1]))
        let clock = UInt64(clamping: try JobStore.milliseconds(of: time))
        let isWanted = store.listeners.isWanted
        let all = (names.array ?? []).compactMap { $0.string.flatMap { QueueName($0) } }
        follower.polled(Set(all), at: clock, isWanted: isWanted)
        polledAt = now
        let isRenewal = renewedAt.map { now - $0 >= EventPace.renewal } ?? true
        if isRenewal { try await announce(clock) }
        try await listen(to: isRenewal ? follower.queues : follower.unknown)
        if isRenewal { renewedAt = now }
    }

    /// Has queues that are created from now on publish at once.
    private func announce(_ clock: UInt64) async throws(QueueError) {
        let end = clock + UInt64(EventPace.window.inMilliseconds)
        _ = try await store.command("HSET", store.globalKey, "listen_until", "\(end)")
    }

    private mutating func listen(to queues: [QueueName]) async throws(QueueError) {
        for batch in queues.chunks(of: 100) {
            let requests = batch.map { name in
                RedisRequest.function(
                    store.scripts[.configure], keys: store.queue(name).keys.arguments,
                    arguments: RedisArguments(
                        "listen", "\(EventPace.window.inMilliseconds)", follower.held(name) ?? ""))
            }
            let keeping = batch.map { name in
                RedisRequest.command(
                    "PEXPIRE", store.queue(name).keys.events, "\(EventPace.keeping.inMilliseconds)")
            }
            let replies = await store.redis.send(requests + keeping)
            for (name, reply) in zip(batch, replies) { try take(reply, of: name) }
        }
    }

    private mutating func take(_ reply: Result<RedisValue, RedisError>, of name: QueueName) throws(QueueError) {
        let value: RedisValue
        do throws(QueueError) { value = try Self.value(reply) } catch {
            // One queue's trouble is not the others'.
            guard error.isOfOneQueue else { throw error }
            return follower.forget(name)
        }
        guard let parts = value.array, parts.count == 3, parts[0].string == "ok",
            let last = parts[1].string.flatMap({ EventMark(entry: $0) })
        else { return follower.forget(name) }
        if follower.listened(name, last: last, isWhole: parts[2].int == 1) {
            store.listeners.reset(name, to: follower.position)
        }
    }

    /// Reads what came since, or waits for it.
    private mutating func read() async throws(QueueError) {
        let marks = follower.marks.sorted { $0.key < $1.key }
        guard !marks.isEmpty else {
            follower.roundEnded(isWhole: true)
            store.listeners.reached(follower.position)
            try? await Task.sleep(for: EventPace.tick)
            return
        }
        let block = Duration.seconds(1)
        var command = RedisArguments(
            "XREAD", "COUNT", "\(EventPace.page)", "BLOCK", "\(block.inMilliseconds)", "STREAMS")
        for (name, _) in marks { command.append(store.queue(name).keys.events) }
        for (_, mark) in marks { command.append(mark.entry) }
        let reply: RedisValue
        do throws(RedisError) { reply = try await client.sendBlocking(.command(command), for: block) } catch {
            throw QueueError(error)
        }
        let names = Dictionary(uniqueKeysWithValues: marks.map { (store.queue($0.key).keys.events, $0.key) })
        try await take(reply, names)
    }

    private mutating func take(_ reply: RedisValue, _ names: [String: QueueName]) async throws(QueueError) {
        var entries: [EventEntry] = []
        var isWhole = true
        for stream in reply.array ?? [] {
            guard let parts = stream.array, parts.count == 2, let name = parts[0].string.flatMap({ names[$0] }),
                let found = parts[1].array
            else { continue }
            if found.count >= EventPace.page {
                isWhole = false
                try await checkLast(name)
            }
            entries += found.compactMap { EventEntry($0, of: name) }
        }
        // In the order in which they happened, over all queues.
        for entry in entries.sorted(by: { ($0.end, $0.queue) < ($1.end, $1.queue) }) {
            let before = follower.read(entry)
            if entry.isGap { store.listeners.reset(entry.queue, to: follower.position) }
            store.listeners.tell(entry, before: before)
        }
        follower.roundEnded(isWhole: isWhole)
        store.listeners.reached(follower.position)
    }

    /// So much came that the stream may have dropped something that was not read: what was read last must still be there.
    private func checkLast(_ name: QueueName) async throws(QueueError) {
        guard let held = follower.held(name) else { return }
        let found = try await store.command("XRANGE", store.queue(name).keys.events, held, held)
        if found.array?.isEmpty ?? true { store.listeners.reset(name, to: follower.position) }
    }

    private static func value(_ reply: Result<RedisValue, RedisError>) throws(QueueError) -> RedisValue {
        try Queue.checked(JobStore.value(reply))
    }
}
