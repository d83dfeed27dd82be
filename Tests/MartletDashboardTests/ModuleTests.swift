// The pure parts of the dashboard, called in a browser: rows that stay, JSON as text, numbers, what needs attention.

import MartletJSON
import TestSupport
import Testing

extension Dashboard {
    @Suite(.serialized) struct ModuleTests {
        /// Runs a script that has modules as variables, by their names; answers what it returns.
        private static func evaluate(_ modules: [String: String], _ script: String) async throws -> JSONValue {
            var found = JSONValue.null
            try await DashboardStack.with { stack in
                try await Browser.with { browser in
                    try await browser.open(stack.page("system"))
                    let imports = modules.map { "const \($0.key) = await import('\(stack.base)/ui/any/\($0.value)');" }
                    found = try await browser.run("return (async () => { \(imports.joined()) \(script) })()")
                }
            }
            return found
        }

        @Test func `rows stay while they are held, and are new when they are not`() async throws {
            let found = try await Self.evaluate(
                ["rows": "parts/rows.js"],
                """
                const key = (item) => item.id;
                const first = rows.settle([], [{ id: 1 }, { id: 2 }, { id: 3 }], key, true);
                const held = rows.settle(first.rows, [{ id: 4 }, { id: 3, n: 1 }, { id: 1 }], key, true);
                const free = rows.settle(held.rows, [{ id: 4 }, { id: 3 }], key, false);
                return [held.rows.map((row) => row.key), held.rows.map((row) => row.isGone), held.rows[2].item.n,
                    held.waiting, free.rows.map((row) => row.key), free.waiting];
                """)
            #expect(found.line == "[[1,2,3],[false,true,false],1,1,[4,3],0]")
        }

        @Test func `JSON is split and indented as text`() async throws {
            let found = try await Self.evaluate(
                ["json": "core/json.js"],
                #"""
                const text = '{"a":{"b":[1,{}],"c":"},{\\""},"n":90071992547409931,"e":[],"s":"x"}';
                const parts = json.members(text);
                return [parts.a, parts.n, parts.e, parts.s, json.indented('[1,{"a":[]}]'), json.indented('{'), json.indented('"')];
                """#)
            #expect(found.array?[0].string == #"{"b":[1,{}],"c":"},{\""}"#)
            #expect(found.array?[1].string == "90071992547409931")
            #expect(found.array?[2].string == "[]" && found.array?[3].string == "\"x\"")
            #expect(found.array?[4].string == "[\n  1,\n  {\n    \"a\": []\n  }\n]")
            #expect(found.array?[5].string == "{" && found.array?[6].string == "\"")
        }

        @Test func `messages of a stream are read, with and without events`() async throws {
            let found = try await Self.evaluate(
                ["listen": "core/listen.js"],
                #"""
                const text = 'id: 1~q:2-0.0\nevent: dev.martlet.job.completed\ndata: {"a":": b"}';
                return [listen.messageOf(text), listen.messageOf(': keep-alive\nid: 7'), listen.messageOf('retry: 2000'),
                    listen.kindOf('dev.martlet.job.completed'), listen.kindOf('dev.martlet.queue.paused')];
                """#)
            #expect(found.array?[0]["id"].string == "1~q:2-0.0" && found.array?[0]["data"].string == #"{"a":": b"}"#)
            #expect(found.array?[1].line == #"{"id":"7"}"# && found.array?[2].line == #"{"retry":"2000"}"#)
            #expect(found.array?[3].string == "completed" && found.array?[4].string == "queue.paused")
        }

        @Test func `numbers and foreign text are written for people`() async throws {
            let found = try await Self.evaluate(
                ["format": "core/format.js"],
                #"""
                return [format.duration(0), format.duration(0.25), format.duration(3), format.duration(61), format.duration(3600),
                    format.duration(90061), format.duration(undefined), format.bytes(1536), format.bytes(999), format.rate(0.05),
                    format.rate(12345.6), format.plural(1, 'job'), format.plural(1000, 'job'), format.visible('a\u202eb\u0007')];
                """#)
            #expect(
                found.array?.compactMap(\.string) == [
                    "0 s", "250 ms", "3 s", "1 min 1 s", "1 h", "1 d 1 h", "–", "1.5 KiB", "999 B", "3.0/min",
                    "12,346/s",
                    "1 job", "1,000 jobs", "a\\u202eb\\u0007",
                ])
        }

        @Test func `what needs attention follows from queues, workers and findings, the worst first`() async throws {
            let found = try await Self.evaluate(
                ["a": "screens/attention.js"],
                """
                const queue = (name, jobs, more) => ({ name, paused: false, oldest_wait_seconds: 0,
                    settings: { concurrency: null }, jobs: { queued: 0, active: 0, failed: 0, ...jobs }, ...more });
                const worker = (queue, alive, state) => ({ id: 'w', alive, last_seen_seconds: 60,
                    queues: [{ queue, info: { host: 'h1', state, busy: 1, slots: 1 } }] });
                const list = a.attention({
                    queues: [queue('idle', {}), queue('held', { queued: 2 }, { paused: true }), queue('alone', { queued: 1 }),
                        queue('slow', { queued: 1 }, { oldest_wait_seconds: 90 }), queue('broken', { failed: 3 })],
                    damaged: [{ name: 'odd', detail: 'no hash' }],
                    workers: [worker('slow', true, 'running'), worker('x', false, 'running'), worker('y', false, 'stopped')],
                    findings: [{ check: 'memory', result: 'warning', advice: 'raise it' }, { check: 'mode', result: 'ok' }],
                });
                return list.map((item) => item.level + ' ' + item.text);
                """)
            #expect(
                found.array?.compactMap(\.string) == [
                    "bad Queue odd cannot be read: no hash", "bad alone has 1 waiting job and no live worker",
                    "warn Check memory: raise it", "warn held is paused while 2 jobs wait",
                    "warn A job of slow has waited for 1 min 30 s, all its slots are busy",
                    "warn 3 failed jobs in broken",
                    "warn A worker is silent for 1 min: h1",
                ])
        }
    }
}
