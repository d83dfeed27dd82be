// The machines of the handshake, the supervisor and the list waiter, without sockets and clocks.

import Testing

@testable import MartletRedis

@Suite struct HandshakeMachineTests {
    private func configuration(_ url: String, clientID: Bool = false) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url)
        configuration.asksForClientID = clientID
        return configuration
    }

    /// Feeds `replies` and says in a word how it ended.
    private func outcome(_ url: String, clientID: Bool = false, _ replies: [RedisValue]) throws -> String {
        var machine = HandshakeMachine(try configuration(url, clientID: clientID))
        for reply in replies {
            switch machine.receive(reply) {
            case .wait: continue
            case .ready(let id): return "ready" + (id.map { " \($0)" } ?? "")
            case .fail(let error): return "\(error.code): \(error.message)"
            }
        }
        return "waiting"
    }

    @Test func `log-in, database, name and PING are sent in this order`() throws {
        let machine = HandshakeMachine(try configuration("redis://ann:pass%40word@h/3", clientID: true))
        #expect(
            machine.requests == [
                .command("AUTH", "ann", "pass@word"), .command("SELECT", "3"),
                .command("CLIENT", "SETNAME", "martlet"), .command("CLIENT", "ID"), .command("PING"),
            ])
        let plain = HandshakeMachine(try configuration("redis://:secret@h"))
        #expect(plain.requests.first == .command("AUTH", "secret"))
    }

    @Test func `a connection's name has no spaces`() throws {
        var configuration = try configuration("redis://h")
        configuration.clientName = "my worker\n1"
        let machine = HandshakeMachine(configuration)
        #expect(machine.requests.first == .command("CLIENT", "SETNAME", "my-worker-1"))
    }

    @Test func `after all answers the connection is ready`() throws {
        #expect(try outcome("redis://h", [.text("OK"), .text("PONG")]) == "ready")
        #expect(try outcome("redis://h", clientID: true, [.text("OK"), .integer(7), .text("PONG")]) == "ready 7")
        #expect(try outcome("redis://h", [.text("OK")]) == "waiting")
    }

    @Test func `initial requests follow PING, and their refusals are ignored`() throws {
        let look: [RedisRequest] = [.command("HELLO", "2"), .command("HGET", "a", "b")]
        var machine = HandshakeMachine(try configuration("redis://h"), look: look)
        #expect(Array(machine.requests.suffix(3)) == [.command("PING")] + look)
        let replies: [RedisValue] = [.text("OK"), .text("PONG"), .error("ERR unknown command"), .integer(7)]
        for (index, reply) in replies.enumerated() {
            switch machine.receive(reply) {
            case .wait: #expect(index < 3)
            case .ready: #expect(index == 3)
            case .fail(let error): Issue.record("\(error)")
            }
        }
        #expect(machine.seen == Array(replies.suffix(2)))
    }

    @Test func `denials other than of the log-in are ignored`() throws {
        let denied = RedisValue.error("NOPERM this user has no permissions")
        #expect(try outcome("redis://h", clientID: true, [denied, denied, denied]) == "ready")
        #expect(try outcome("redis://h", [.text("OK"), .error("MISCONF no writes")]) == "ready")
    }

    @Test(arguments: [
        ("LOADING Redis is loading", "loading"), ("MASTERDOWN Link with MASTER is down", "masterDown"),
        ("NOAUTH Authentication required.", "authentication"), ("DENIED protected mode", "connectionFailed"),
        ("ERR max number of clients reached", "connectionFailed"),
    ])
    func `a server that accepts no commands is no connection`(_ text: String, _ code: String) throws {
        #expect(try outcome("redis://h", [.text("OK"), .error(text)]).hasPrefix("\(code):"))
    }

    @Test func `any error to the log-in is a failed log-in, and never repeats the password`() throws {
        let echo = RedisValue.error("ERR unknown command 'AUTH', with args beginning with: 'hunter2'")
        let words = try outcome("redis://:hunter2@h", [echo])
        #expect(words.hasPrefix("authentication:"))
        #expect(!words.contains("hunter2"))
        #expect(try outcome("redis://h/99", [.error("ERR DB index is out of range")]).hasPrefix("connectionFailed:"))
    }
}

@Suite struct SupervisorMachineTests {
    private static func machine() -> SupervisorMachine {
        SupervisorMachine(base: .milliseconds(50), cap: .seconds(1))
    }

    @Test func `it connects, serves, pauses after a loss and connects again`() {
        var machine = Self.machine()
        let actions = [
            machine.handle(.start, chance: 1), machine.handle(.connected, chance: 1),
            machine.handle(.lost(lifetime: .seconds(60)), chance: 1), machine.handle(.rested, chance: 1),
        ]
        #expect(actions == [.connect, .serve, .rest(.milliseconds(50)), .connect])
    }

    @Test func `pauses double up to the cap and half of each is random`() {
        for (chance, factor) in [(0.0, 2), (1.0, 1)] {
            var machine = Self.machine()
            var pauses: [SupervisorMachine.Action] = []
            _ = machine.handle(.start, chance: chance)
            for _ in 0..<7 {
                pauses.append(machine.handle(.failed, chance: chance))
                _ = machine.handle(.rested, chance: chance)
            }
            let milliseconds = [50, 100, 200, 400, 800, 1000, 1000]
            #expect(pauses == milliseconds.map { .rest(.milliseconds($0) / factor) })
        }
    }

    @Test func `a connection that lasted resets the pauses, a short one does not`() {
        var machine = Self.machine()
        _ = machine.handle(.start, chance: 1)
        _ = machine.handle(.connected, chance: 1)
        let first = machine.handle(.lost(lifetime: .milliseconds(1)), chance: 1)
        _ = machine.handle(.rested, chance: 1)
        _ = machine.handle(.connected, chance: 1)
        let second = machine.handle(.lost(lifetime: .milliseconds(1)), chance: 1)
        _ = machine.handle(.rested, chance: 1)
        _ = machine.handle(.connected, chance: 1)
        let third = machine.handle(.lost(lifetime: .seconds(5)), chance: 1)
        #expect(first == .rest(.milliseconds(50)))
        #expect(second == .rest(.milliseconds(100)))
        #expect(third == .rest(.milliseconds(50)))
    }

    @Test func `stop ends it in every state`() {
        for events in [[], [.start], [.start, .connected], [.start, .failed]] as [[SupervisorMachine.Event]] {
            var machine = Self.machine()
            for event in events { _ = machine.handle(event, chance: 1) }
            let (last, after) = (machine.handle(.stop, chance: 1), machine.handle(.rested, chance: 1))
            #expect(last == .finish)
            #expect(after == .finish)
        }
    }
}

@Suite struct ListWaiterMachineTests {
    typealias Machine = ListWaiterMachine<String>

    private static func add(_ machine: inout Machine, _ id: UInt64, _ key: String, deadline: Int64 = 100) -> String {
        switch machine.add(id: id, key: key, waiter: "w\(id)", deadline: deadline, now: 0) {
        case .done(let waiter, let hasToken): "\(waiter) \(hasToken)"
        case .waiting(let start, let unblock): (start ? "start" : "") + (unblock ? "unblock" : "")
        }
    }

    private static func keys(_ machine: inout Machine) -> [String]? {
        machine.begin(now: 0, longest: 1 << 40)?.keys
    }

    @Test func `one turn covers all keys, and each begins with another`() {
        var machine = Machine()
        for (id, key) in ["a", "b", "c", "a"].enumerated() { _ = Self.add(&machine, UInt64(id), key) }
        var firsts: Set<String> = []
        for _ in 0..<3 {
            let keys = Self.keys(&machine) ?? []
            #expect(Set(keys) == ["a", "b", "c"] && keys.count == 3)
            keys.first.map { _ = firsts.insert($0) }
            machine.ended()
        }
        #expect(firsts == ["a", "b", "c"])
    }

    @Test func `a token goes to the one that waited longest for its key`() {
        var machine = Machine()
        _ = Self.add(&machine, 1, "a")
        _ = Self.add(&machine, 2, "b")
        _ = Self.add(&machine, 3, "b")
        _ = Self.keys(&machine)
        let first = machine.popped("b")
        #expect(first == "w2")
        let (left, next) = (machine.waiterCount, Self.keys(&machine))
        #expect(left == 2)
        #expect(next.map { Set($0) } == ["a", "b"])
    }

    @Test func `a new key ends the turn, a known one does not`() {
        var machine = Machine()
        let start = Self.add(&machine, 1, "a")
        #expect(start == "start")
        _ = Self.keys(&machine)
        let known = Self.add(&machine, 2, "a")
        #expect(known == "")
        let new = Self.add(&machine, 3, "b")
        #expect(new == "unblock")
        var needs = machine.needsUnblock
        #expect(needs)
        machine.ended()
        needs = machine.needsUnblock
        #expect(!needs)
        let keys = Self.keys(&machine)
        #expect(keys.map { Set($0) } == ["a", "b"])
    }

    @Test func `the last one to cancel a key ends the turn, others and late ones do not`() {
        var machine = Machine()
        _ = Self.add(&machine, 1, "a")
        _ = Self.add(&machine, 2, "a")
        _ = Self.add(&machine, 3, "b")
        _ = Self.keys(&machine)
        let (first, second) = (machine.cancel(id: 1), machine.cancel(id: 2))
        #expect(first?.waiter == "w1" && first?.unblock == false)
        #expect(second?.waiter == "w2" && second?.unblock == true)
        let (again, expired) = (machine.cancel(id: 2)?.waiter, machine.expire(id: 2))
        #expect(again == nil && expired == nil)
    }

    @Test func `a token without a waiter is kept for the next one`() {
        var machine = Machine()
        _ = Self.add(&machine, 1, "a")
        _ = Self.keys(&machine)
        let expired = machine.expire(id: 1)
        #expect(expired == "w1")
        let nobody = machine.popped("a")
        #expect(nobody == nil)
        let answers = [Self.add(&machine, 2, "a"), Self.add(&machine, 3, "a")]
        #expect(answers == ["w2 true", "start"])
    }

    @Test func `a turn lasts until the soonest deadline, within its bounds`() {
        var machine = Machine()
        _ = Self.add(&machine, 1, "a", deadline: 7_000_000_000)
        _ = Self.add(&machine, 2, "a", deadline: 5_000_000_000)
        let turns = [
            machine.begin(now: 1_000_000_000, longest: 30_000_000_000), machine.begin(now: 0, longest: 1),
        ]
        #expect(turns == [.init(keys: ["a"], nanoseconds: 4_000_000_000), nil])
        machine.ended()
        let late = machine.begin(now: 9_000_000_000, longest: 30_000_000_000)
        #expect(late?.nanoseconds == 1_000_000)
        machine.ended()
        let short = machine.begin(now: 0, longest: 1_000_000_000)
        #expect(short?.nanoseconds == 1_000_000_000)
    }

    @Test func `timeouts, lost connections and shutdown return no token`() {
        var machine = Machine()
        let late = Self.add(&machine, 1, "a", deadline: 0)
        #expect(late == "w1 false")
        _ = Self.add(&machine, 2, "a")
        _ = Self.add(&machine, 3, "b")
        _ = Self.keys(&machine)
        let lost = machine.lost()
        #expect(lost == ["w2", "w3"])
        _ = Self.add(&machine, 4, "a")
        let closed = machine.close()
        #expect(closed == ["w4"])
        let after = Self.add(&machine, 5, "a")
        #expect(after == "w5 false")
    }
}
