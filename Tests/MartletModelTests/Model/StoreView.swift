// The content of a queue in the store, and as the model expects it, in the same form.

import MartletJobs
import MartletRedis

@testable import MartletQueue

/// The content of a queue, a line for each fact.
struct StoreView: Equatable {
    var lines: [String: String] = [:]
    var wakeTokens = 0

    /// The facts in which two views differ.
    func differences(from other: StoreView) -> [String] {
        Set(lines.keys).union(other.lines.keys).sorted().compactMap { key in
            guard lines[key] != other.lines[key] else { return nil }
            return "\(key)\n    store: \(lines[key] ?? "-")\n    model: \(other.lines[key] ?? "-")"
        }
    }

    /// A fact's words in a fixed order, without defaults.
    fileprivate static func line(_ fields: [String: String], without defaults: [String: String] = [:]) -> String {
        fields.filter { defaults[$0.key] != $0.value }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    fileprivate static let jobDefaults = ["m": "3", "r": "0", "f": "0", "l": "0"]
    fileprivate static let metaDefaults = Dictionary(
        uniqueKeysWithValues: ["created", "deleted", "repaired", "completed", "failed", "cancelled", "stops"]
            .map { ($0, "0") } + [("clock", "0.0")])
}

extension StoreView {
    /// Reads everything in one script.
    private static let dump = """
        #!lua flags=no-writes
        local out = {}
        local function all(key) return redis.call('HGETALL', KEYS[1] .. key) end
        for _, name in ipairs({'queued', 'delayed', 'active', 'paused', 'completed', 'failed', 'cancelled', 'tombstones', 'blocked',
            'rates', 'opens'}) do
            out[#out + 1] = redis.call('ZRANGE', KEYS[1] .. name, 0, -1, 'WITHSCORES')
        end
        for _, name in ipairs({'meta', 'claims', 'unique', 'tombstone_digests', 'workers', 'limits', 'usage', 'standing',
            'throttled'}) do
            out[#out + 1] = all(name)
        end
        local waits = {}
        for _, key in ipairs(redis.call('KEYS', KEYS[1] .. 'waits:*')) do
            for _, word in ipairs(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')) do waits[#waits + 1] = word end
        end
        out[#out + 1] = waits
        out[#out + 1] = redis.call('LLEN', KEYS[1] .. 'wake')
        for _, id in ipairs(ARGV) do out[#out + 1] = all('job:' .. id) end
        return out
        """
    private static let dumpScript = ScriptTable.script("dump", Array(dump.utf8))

    /// The request that reads the store, with the hashes of these jobs.
    static func request(prefix: String, ids: [String]) -> RedisRequest {
        var arguments = RedisArguments()
        for id in ids { arguments.append(id) }
        return .script(dumpScript, keys: RedisArguments(prefix), arguments: arguments)
    }

    /// Parses the reply.
    init(_ value: RedisValue, ids: [String]) {
        let parts = (value.array ?? []).map { ($0.array ?? []).map { $0.string ?? $0.int.map(String.init) ?? "" } }
        let names = [
            "queued", "delayed", "active", "paused", "completed", "failed", "cancelled", "tombstones",
            "blocked", "rates", "opens",
        ]
        var homes: [String: [String]] = [:]
        for (name, part) in zip(names, parts) {
            for (id, score) in Self.pairs(part) {
                if ["tombstones", "rates", "opens"].contains(name) {
                    lines["\(name) \(id)"] = name == "tombstones" ? score : Self.number(score)
                } else {
                    homes[id, default: []].append("\(name) \(Self.number(score))")
                }
            }
        }
        let hashes = [
            "meta", "claim", "unique", "tombstone_digests", "worker", "limits", "usage", "standing", "throttled",
        ]
        wakeTokens = value.array?.dropFirst(names.count + hashes.count + 1).first?.int ?? 0
        for (id, score) in Self.pairs(parts[names.count + hashes.count]) { lines["waiter \(id)"] = Self.number(score) }
        for (name, part) in zip(hashes, parts.dropFirst(names.count)) {
            let fields = Dictionary(uniqueKeysWithValues: Self.pairs(part))
            if name == "meta" {
                let unseen: Set = ["plan", "epoch", "listen_until"]
                let told = fields.filter { !$0.key.hasSuffix("_cursor") && !unseen.contains($0.key) }
                lines["meta"] = Self.line(Self.withNumbers(told), without: Self.metaDefaults)
            } else {
                for (key, text) in fields {
                    lines["\(name) \(key)"] = text.split(separator: " ").joined(separator: " ")
                }
            }
        }
        for (id, part) in zip(ids, parts.dropFirst(names.count + hashes.count + 2))
        where !part.isEmpty || homes[id] != nil {
            var fields = Dictionary(uniqueKeysWithValues: Self.pairs(part))
            // The star is internal to the scripts; the audit checks it.
            fields["at"] = fields["at"].map { Self.number($0) }
            if let token = fields["k"], token.hasSuffix("*") { fields["k"] = String(token.dropLast()) }
            let home = (homes.removeValue(forKey: id) ?? ["nowhere"]).joined(separator: ", ")
            lines["job \(id)"] = home + ": " + Self.line(fields, without: Self.jobDefaults)
        }
        for (id, home) in homes { lines["job \(id)"] = home.joined(separator: ", ") + ": unknown" }
    }

    private static func withNumbers(_ told: [String: String]) -> [String: String] {
        var told = told
        for name in ["clock", "promoted"] { told[name] = told[name].map { number($0) } }
        return told
    }

    /// The text of a position with all its digits in one form, and what follows it.
    fileprivate static func number(_ text: String) -> String {
        var words = text.split(separator: " ").map(String.init)
        if let first = words.first, let number = Double(first) { words[0] = "\(number)" }
        return words.joined(separator: " ")
    }

    private static func pairs(_ flat: [String]) -> [(String, String)] {
        stride(from: 0, to: flat.count - 1, by: 2).map { (flat[$0], flat[$0 + 1]) }
    }
}

extension StoreView {
    /// The content that the model expects.
    init(_ model: Model) {
        for (id, job) in model.jobs { lines["job \(id)"] = Self.line(job) }
        for (key, holder) in model.unique { lines["unique \(key)"] = holder }
        for (id, tombstone) in model.tombstones {
            lines["tombstones \(id)"] = "\(tombstone.until)"
            lines["tombstone_digests \(id)"] = tombstone.digest
        }
        for (worker, last) in model.claims {
            lines["claim \(worker)"] = (["\(last.number)", last.nonce] + last.ids).joined(separator: " ")
        }
        for (worker, info) in model.workers {
            let noted = model.notedClaims[worker].map { "#\($0)" } ?? ""
            lines["worker \(worker)"] = "\(model.heartbeatTimes[worker] ?? 0)\(noted) \(info)"
        }
        lines["meta"] = Self.line(Self.meta(model), without: Self.metaDefaults)
        for (name, limit) in model.limits { lines["limits \(name)"] = limit.text }
        for (key, weight) in model.usage() { lines["usage \(key)"] = "\(weight)" }
        for (key, weight) in model.standing() { lines["standing \(key)"] = "\(weight)" }
        for (key, at) in model.starts { lines["rates \(key)"] = "\(at)" }
        for (key, hold) in model.holds { lines["throttled \(key)"] = "\(hold.until) \(hold.reason)" }
        for (key, at) in model.opens { lines["opens \(key)"] = "\(at)" }
        for (id, job) in model.jobs where job.index == .blocked { lines["waiter \(id)"] = "\(job.score)" }
    }

    private static func meta(_ model: Model) -> [String: String] {
        var fields = ["schema": "1 1", "offset": "\(model.now)", "global_version": "\(model.globalVersion)"]
        for (name, value) in model.settings { fields[name] = "\(value)" }
        for (name, value) in model.counts { fields[name] = "\(value)" }
        fields["clock"] = model.clock.map { (["\($0.place)"] + ($0.id.map { [$0] } ?? [])).joined(separator: " ") }
        fields["limited"] = model.limited > 0 ? "\(model.limited)" : nil
        fields["promoted"] = model.promoted.map { "\($0)" }
        if let swept = model.swept { (fields["swept"], fields["grace"]) = ("\(swept)", "\(model.grace)") }
        if let pause = model.pause {
            fields["paused"] = "1"
            (fields["paused_reason"], fields["paused_by"]) = (pause.reason, pause.by)
            fields["paused_at"] = "\(pause.at)"
        }
        if let pause = model.pauseOfAll {
            fields["paused_all"] = "1"
            (fields["paused_all_reason"], fields["paused_all_by"]) = (pause.reason, pause.by)
        }
        return fields
    }

    private static func lines(_ keys: [Model.Weighted]) -> String {
        keys.map { "\($0.weight) \($0.key)" }.joined(separator: "\n")
    }

    private static func line(_ job: Model.Job) -> String {
        var fields = ["t": job.type, "p": String(decoding: job.payload, as: UTF8.self)]
        (fields["r"], fields["m"]) = ("\(job.priority)", "\(job.maxRetries)")
        (fields["f"], fields["l"]) = ("\(job.failures)", job.storedLost)
        (fields["u"], fields["d"], fields["k"]) = (job.uniqueKey, job.digest, job.storedToken)
        (fields["x"], fields["n"]) = (job.timeout.map(String.init), job.createdAt.map(String.init))
        (fields["e"], fields["g"], fields["s"]) = (job.error, job.progress, job.unknownSince.map(String.init))
        fields["v"] = job.changedAt.map(String.init)
        fields["z"] = job.trace
        if !job.limits.isEmpty { fields["lk"] = lines(job.limits) }
        fields["lh"] = job.implicit.map { "\($0.claims)\n" + lines($0.keys) }
        fields["lw"] = job.waitsFor.map { lines([$0]) }
        if !job.past.isEmpty { fields["h"] = job.past.joined(separator: "\u{1E}") }
        if !job.earlier.isEmpty { fields["j"] = job.earlier.joined(separator: "\u{1E}") }
        fields["c"] = job.checkpoint.map { String(decoding: $0, as: UTF8.self) }
        fields["o"] = job.output.map { String(decoding: $0, as: UTF8.self) }
        fields["w"] = job.wanted.map { "\($0.stop.rawValue):\($0.since)" }
        fields["at"] = job.place.map { place in
            (["\(place)"] + (job.claimedAt.map { ["\($0)"] } ?? [])).joined(separator: " ")
        }
        return "\(job.index) \(job.score): " + line(fields, without: jobDefaults)
    }
}
