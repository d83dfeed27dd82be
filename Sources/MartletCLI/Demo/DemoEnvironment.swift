// The demonstration's processes: Redis, an origin server, a server and workers, in a temporary directory.

import FoundationEssentials
import MartletCommandSupport
import MartletRedis
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Everything that the demonstration starts and must stop.
actor DemoEnvironment {
    let directory: String
    let redis: PrivateRedisServer
    let origin: OriginServer
    /// The URL of the HTTP server.
    let serverURL: String
    private let environment: [String: String]
    private var server: Subprocess?
    private(set) var workers: [Subprocess] = []

    /// The directory of finished files.
    nonisolated var downloads: String { directory + "/downloads" }

    /// Starts Redis and the origin server.
    init() async throws {
        directory = try Self.makeDirectory()
        do {
            redis = try await PrivateRedisServer.start(directory: directory + "/redis", options: PrivateRedis.options)
        } catch {
            try? FileManager.default.removeItem(atPath: directory)
            throw error
        }
        origin = try await OriginServer.start(DemoPlan.content)
        let port = try await LoopbackPort.free()
        serverURL = "http://127.0.0.1:\(port)"
        environment = Subprocess.plainEnvironment.merging([
            "REDIS_URL": redis.url, "HTTP_PORT": String(port), "LOG_FORMAT": "text",
            "DOWNLOAD__DIRECTORY": directory + "/downloads", "DOWNLOAD__LEASE_SECONDS": "5",
            "DOWNLOAD__MAX_CONCURRENT_DOWNLOADS": String(DemoPlan.concurrency),
            "DOWNLOAD__ALLOW_PRIVATE_ADDRESSES": "true", "WORKER_QUEUES": "downloads=\(DemoPlan.concurrency / 2)",
            "WORKER_SHUTDOWN_GRACE_SECONDS": "5",
        ]) { $1 }
    }

    /// Starts the server and waits until it answers.
    func startServer(_ client: APIClient) async throws {
        let server = try start("serve")
        self.server = server
        let end = ContinuousClock.now + .seconds(60)
        while true {
            if (try? await client.get("/readyz")) != nil { return }
            guard server.status == nil, ContinuousClock.now < end else {
                throw CommandFailure(.failed, "the server did not start:\n" + logTail("serve"))
            }
            try await Task.sleep(for: .milliseconds(30))
        }
    }

    /// Starts a worker process; returns its process id.
    @discardableResult
    func startWorker() throws -> Int32 {
        let worker = try start("work")
        workers.append(worker)
        return worker.processID
    }

    /// Kills the first worker, as a crash would; returns its process id.
    func killWorker() async -> Int32 {
        guard let worker = workers.first else { return 0 }
        worker.send(9)
        _ = await worker.wait(within: .seconds(5))
        workers.removeFirst()
        return worker.processID
    }

    /// Stops everything in order and removes the directory.
    func close() async {
        await withTaskGroup { group in
            for worker in workers { group.addTask { await worker.stop() } }
        }
        await server?.stop()
        await redis.stop()
        await origin.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The end of the log of one kind of process.
    func logTail(_ command: String) -> String {
        let log = (try? String(contentsOfFile: "\(directory)/\(command).log", encoding: .utf8)) ?? ""
        return log.split(separator: "\n").suffix(8).joined(separator: "\n")
    }

    private func start(_ command: String) throws -> Subprocess {
        let log = "\(directory)/\(command).log"
        return try Subprocess(
            Subprocess.ownPath, [command, "--until-eof"], environment: environment, output: log, errors: log)
    }

    private static func makeDirectory() throws -> String {
        let path = "/tmp/martlet-demo-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        return path
    }
}

/// The settings of every private Redis: those of the shipped `redis.conf`.
enum PrivateRedis {
    static let options = [
        "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
        "--hash-max-listpack-value", "1024",
    ]
}
