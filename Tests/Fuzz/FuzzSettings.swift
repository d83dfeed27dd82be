// Fuzzes what operators write: settings and the Redis URL are read as they were meant or refused without a secret.

import MartletJobs
import MartletQueue

@testable import MartletCLI
@testable import MartletRedis

/// A line `NAME=value` for each variable of the environment; the first line is also taken for a Redis URL.
func fuzzSettings(_ input: Input) {
    var rest = input
    checkRedisURL(rest.words())
    rest = input
    var variables: [String: String] = [:]
    while !rest.isEmpty {
        let pair = rest.words().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        // A file is read by its name, which the fuzzer shall not choose.
        if pair.count == 2, !pair[0].hasSuffix("_FILE") { variables[String(pair[0])] = String(pair[1]) }
    }
    do {
        let settings = try ServiceSettings.load(environment: variables)
        checkSettings(settings)
    } catch {
        for problem in error.problems {
            let line = problem.description
            check(!line.contains(where: \.isNewline) && line.utf8.count < 2000, "a problem of several lines: \(line)")
        }
    }
}

private func checkSettings(_ settings: ServiceSettings) {
    check((0...65_535).contains(settings.http.port), "port \(settings.http.port)")
    check((1...(1 << 50)).contains(settings.download.maxBytes), "\(settings.download.maxBytes) bytes")
    check((.seconds(5)...Duration.seconds(900)).contains(settings.download.lease), "\(settings.download.lease)")
    check((.zero...Duration.seconds(3600)).contains(settings.worker.shutdownGrace), "\(settings.worker.shutdownGrace)")
    check((1...10).contains(settings.download.maxConcurrentDownloads), "concurrency")
    for (queue, slots) in settings.worker.queues.map({ ($0.queue, $0.slots) }) {
        check(QueueName(queue) != nil && (1...1000).contains(slots), "a queue \(queue) of \(slots) slots")
    }
    let text = settings.worker.queues.map { "\($0.queue)=\($0.slots)" }.joined(separator: ",")
    check((try? QueueSlots.list(text)) == settings.worker.queues, "the queues \(text) are read as others")
    check(JobID(settings.redis.prefix) != nil && JobID(settings.redis.environment) != nil, "the prefix")
    if settings.http.isLoopback, settings.http.host != "localhost" {
        check(settings.http.host.hasPrefix("127.") || settings.http.host.contains("::1"), settings.http.host)
    }
}

/// A URL is refused in words that hold nothing of it, or its parts written anew are the same parts.
private func checkRedisURL(_ text: String) {
    let canary = "5ecretCanary"
    for url in [text, text.split(separator: "@", maxSplits: 1).joined(separator: canary + "@")] {
        do {
            let parts = try RedisURL(url)
            check(0...1_000_000 ~= parts.database, "database \(parts.database)")
            let again = try? RedisURL(written(parts))
            check(
                again?.endpoint == parts.endpoint && again?.user == parts.user && again?.password == parts.password
                    && again?.database == parts.database && again?.trustRoots == parts.trustRoots,
                "\(url) became \(written(parts))")
        } catch { check(!"\(error)".contains(canary), "a secret in an error: \(error)") }
    }
}

private func written(_ parts: RedisURL) -> String {
    func encoded(_ text: String) -> String {
        text.utf8.map { byte in "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
    switch parts.endpoint {
    case .unixSocket(let path):
        let items = [("user", parts.user), ("password", parts.password)]
            .compactMap { name, value in value.map { "&\(name)=\(encoded($0))" } }
        return "unix://\(encoded(path))?db=\(parts.database)" + items.joined()
    case .tcp(let host, let port, let tls):
        let secret = parts.password.map(encoded)
        let user = parts.user.map { encoded($0) + ":" + (secret ?? "") + "@" } ?? secret.map { ":\($0)@" } ?? ""
        let roots = parts.trustRoots.map { "?ca=" + encoded($0) } ?? ""
        return "\(tls ? "rediss" : "redis")://\(user)\(encoded(host)):\(port)/\(parts.database)\(roots)"
    }
}
