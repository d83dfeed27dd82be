// Every key of the configuration lands in its field, through every source, in the right order.

import ArgumentParser
import FoundationEssentials
import Logging
import MartletJSON
import MartletQueue
import MartletRedis
import MartletTelemetry
import Testing

@testable import MartletCLI

/// One key with a value that is not its default, and how to see it in the result.
struct KeyCase: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    /// How a file of JSON spells the value.
    var json: String
    var isSeen: @Sendable (ServiceSettings) -> Bool
    var testDescription: String { name }

    init(_ name: String, _ text: String, json: String? = nil, isSeen: @escaping @Sendable (ServiceSettings) -> Bool) {
        self.name = name
        self.text = text
        self.json = json ?? "\"\(text)\""
        self.isSeen = isSeen
    }

    static let all: [KeyCase] = [
        KeyCase("redis.url", "rediss://u:p@h:1/2") { $0.redis.url == "rediss://u:p@h:1/2" },
        KeyCase("redis.prefix", "mine:x") { $0.redis.prefix == "mine:x" },
        KeyCase("redis.environment", "staging") { $0.redis.environment == "staging" },
        KeyCase("redis.memory_limit_percent", "75", json: "75") { $0.redis.memoryLimitPercent == 75 },
        KeyCase("redis.queue_limit", "12", json: "12") { $0.redis.queueLimit == 12 },
        KeyCase("http.host", "0.0.0.0") { $0.http.host == "0.0.0.0" },
        KeyCase("http.port", "0", json: "0") { $0.http.port == 0 },
        KeyCase("http.socket", "/run/m.sock") { $0.http.socket == "/run/m.sock" },
        KeyCase("http.socket_mode", "660", json: "660") { $0.http.socketMode == 0o660 },
        KeyCase("http.path_prefix", "/jobs/one/") { $0.http.pathPrefix == "/jobs/one" },
        KeyCase("http.gzip", "false", json: "false") { !$0.http.gzip },
        KeyCase("http.cors_origins", "https://A.example, http://localhost:3000") {
            $0.http.corsOrigins == ["https://a.example", "http://localhost:3000"]
        },
        KeyCase("http.rate_limit", "600", json: "600") { $0.http.rateLimit == 600 },
        KeyCase("http.rate_limit_seconds", "10", json: "10") { $0.http.rateLimitSeconds == 10 },
        KeyCase("http.probe_host", "0.0.0.0") { $0.http.probeHost == "0.0.0.0" },
        KeyCase("http.probe_port", "8081", json: "8081") { $0.http.probePort == 8081 },
        KeyCase("http.max_connections", "20", json: "20") { $0.http.maxConnections == 20 },
        KeyCase("redact.payload", "t=pin") { $0.http.redaction == Redaction("t=pin") },
        KeyCase("audit.entries", "500", json: "500") { $0.http.auditEntries == 500 },
        KeyCase("http.max_connections_per_address", "5", json: "5") { $0.http.maxConnectionsPerAddress == 5 },
        KeyCase("http.tls_certificate_file", "/etc/cert") { $0.http.tlsCertificateFile == "/etc/cert" },
        KeyCase("http.tls_key_file", "/etc/key") { $0.http.tlsKeyFile == "/etc/key" },
        KeyCase("auth.tokens_file", "/etc/tokens") { $0.http.tokensFile == "/etc/tokens" },
        KeyCase("state.directory", "/var/lib/martlet:/var/lib/martlet/downloads") {
            $0.http.stateDirectory == "/var/lib/martlet"
        },
        KeyCase("log.level", "debug") { $0.log.level == .debug },
        KeyCase("log.format", "text") { $0.log.format == .text },
        KeyCase("worker.queues", "a=1,b.c=20") { $0.worker.queues == [QueueSlots("a", 1), QueueSlots("b.c", 20)] },
        KeyCase("worker.shutdown_grace_seconds", "1.5", json: "1.5") {
            $0.worker.shutdownGrace == .milliseconds(1500)
        },
        KeyCase("worker.unknown_type_limit_seconds", "3600", json: "3600") {
            $0.worker.unknownTypeLimit == .seconds(3600)
        },
        KeyCase("worker.http_host", "0.0.0.0") { $0.worker.httpHost == "0.0.0.0" },
        KeyCase("worker.http_port", "8082", json: "8082") { $0.worker.httpPort == 8082 },
        KeyCase("download.max_concurrent_downloads", "10", json: "10") { $0.download.maxConcurrentDownloads == 10 },
        KeyCase("download.default_max_retries", "0", json: "0") { $0.download.defaultMaxRetries == 0 },
        KeyCase("download.directory", "/data") { $0.download.directory == "/data" },
        KeyCase("download.source_url", "https://h/{track_id}") { $0.download.sourceURL == "https://h/{track_id}" },
        KeyCase("download.max_bytes", "4096", json: "4096") { $0.download.maxBytes == 4096 },
        KeyCase("download.bytes_per_second", "65536", json: "65536") { $0.download.bytesPerSecond == 65_536 },
        KeyCase("download.min_bytes_per_second", "0", json: "0") { $0.download.minBytesPerSecond == 0 },
        KeyCase("download.min_speed_window_seconds", "60", json: "60") {
            $0.download.minSpeedWindow == .seconds(60)
        },
        KeyCase("download.deadline_bytes_per_second", "0", json: "0") { $0.download.deadlineBytesPerSecond == 0 },
        KeyCase("download.max_per_host", "9", json: "9") { $0.download.maxPerHost == 9 },
        KeyCase("download.lease_seconds", "5", json: "5") { $0.download.lease == .seconds(5) },
        KeyCase("download.allow_private_addresses", "true", json: "true") { $0.download.allowPrivateAddresses },
    ]

    func key() throws -> SettingKey { try #require(Settings.all.first { $0.name == name }) }

    func file(in directory: ScratchDirectory) throws -> String {
        let words = name.split(separator: ".")
        return try directory.write("{\"\(words[0])\": {\"\(words[1])\": \(json)}}", to: "martlet.json")
    }
}

@Suite struct ConfigurationSourceTests {
    @Test func `there is a case for every key, and the reader asks for every key once`() throws {
        #expect(KeyCase.all.map(\.name).sorted() == Settings.all.map(\.name).sorted())
        let settings = try ServiceSettings.load(environment: [:])
        #expect(settings.origins.map(\.key.name).sorted() == Settings.all.map(\.name).sorted())
    }

    @Test func `without any source the documented defaults apply`() throws {
        let settings = try ServiceSettings.load(environment: [:])
        #expect(settings.redis == RedisSettings(url: "redis://127.0.0.1:6379", prefix: "martlet"))
        #expect(settings.http == HTTPSettings(host: "127.0.0.1", port: 8080, tokensFile: nil))
        #expect(settings.log.level == .info)
        #expect(
            settings.worker
                == WorkerSettings(
                    queues: [QueueSlots("downloads", 10)], shutdownGrace: .seconds(25)))
        #expect(
            settings.download
                == DownloadSettings(
                    maxConcurrentDownloads: 3, defaultMaxRetries: 3, directory: "./downloads", sourceURL: nil,
                    maxBytes: 10_737_418_240, bytesPerSecond: 0, lease: .seconds(30), allowPrivateAddresses: false))
        #expect(settings.origins.allSatisfy { $0.kind == .fallback && $0.spelling == nil })
        for test in KeyCase.all where test.name != "log.format" { #expect(!test.isSeen(settings), "\(test.name)") }
    }

    @Test(arguments: KeyCase.all)
    func `a setting is read from each name in the environment`(test: KeyCase) throws {
        let key = try test.key()
        for name in key.environment {
            let settings = try ServiceSettings.load(environment: [name: test.text])
            #expect(test.isSeen(settings))
            let origin = try #require(settings.origins.first { $0.key == key })
            #expect(origin.kind == .environment)
            #expect(origin.spelling == name)
        }
    }

    @Test(arguments: KeyCase.all)
    func `a setting is read from the file`(test: KeyCase) throws {
        let directory = try ScratchDirectory()
        let file = try test.file(in: directory)
        let settings = try ServiceSettings.load(environment: [:], file: file)
        #expect(test.isSeen(settings))
        let origin = try #require(settings.origins.first { try $0.key == test.key() })
        #expect(origin.kind == .file)
        #expect(origin.spelling == "\(test.name) in \(file)")
    }

    @Test(arguments: KeyCase.all)
    func `a setting is read from its flag`(test: KeyCase) throws {
        let key = try test.key()
        let flags = try EveryFlag.parse(["--\(key.flagName)", test.text])
        let settings = try ServiceSettings.load(flags.groups, config: flags.config, environment: [:])
        #expect(test.isSeen(settings))
        let origin = try #require(settings.origins.first { $0.key == key })
        #expect(origin.kind == .flag)
        #expect(origin.spelling == "--\(key.flagName)")
    }

    @Test(arguments: KeyCase.all)
    func `the environment hides the file`(test: KeyCase) throws {
        let directory = try ScratchDirectory()
        let key = try test.key()
        let others = [
            "log.format": "json", "http.probe_port": "1", "http.socket": "/other", "http.path_prefix": "/",
            "worker.http_port": "1",
        ]
        let fallback = others[key.name] ?? key.fallback ?? "http://other/{track_id}"
        let settings = try ServiceSettings.load(
            environment: [key.environment[0]: fallback], file: try test.file(in: directory))
        #expect(!test.isSeen(settings))
        #expect(settings.origins.first { $0.key == key }?.kind == .environment)
    }

    @Test func `a flag hides the environment, and --config names the file`() throws {
        let directory = try ScratchDirectory()
        let file = try directory.write(#"{"http": {"port": 1, "host": "localhost"}}"#, to: "c.json")
        let flags = try EveryFlag.parse(["--http-port", "3", "--config", file])
        let settings = try ServiceSettings.load(
            flags.groups, config: flags.config, environment: ["HTTP_PORT": "2", "REDIS_PREFIX": "p"])
        #expect(settings.http.port == 3)
        #expect(settings.http.host == "localhost")
        #expect(settings.redis.prefix == "p")
    }

    @Test func `two underscores win over one`() throws {
        let names = ["DOWNLOAD_MAX_CONCURRENT_DOWNLOADS": "4", "DOWNLOAD__MAX_CONCURRENT_DOWNLOADS": "5"]
        let settings = try ServiceSettings.load(environment: names)
        #expect(settings.download.maxConcurrentDownloads == 5)
        let origin = settings.origins.first { $0.key == Settings.downloadMaxConcurrent.key }
        #expect(origin?.spelling == "DOWNLOAD__MAX_CONCURRENT_DOWNLOADS")
    }

    @Test func `a secret can stand in a file of its own, named by any source`() throws {
        let directory = try ScratchDirectory()
        let secret = try directory.write("redis://:pass word@h \n", to: "secret")
        let config = try directory.write("{\"redis\": {\"url_file\": \"\(secret)\"}}", to: "c.json")
        let flags = try EveryFlag.parse(["--redis-url-file", secret])
        let ways = [
            try ServiceSettings.load(environment: ["REDIS_URL_FILE": secret]),
            try ServiceSettings.load(environment: [:], file: config),
            try ServiceSettings.load(flags.groups, config: flags.config, environment: ["REDIS_URL": "redis://no"]),
        ]
        for settings in ways {
            #expect(settings.redis.url == "redis://:pass word@h")
            #expect(settings.redis.urlFile == secret, "from where it is read again when it is refused")
        }
        #expect(try ServiceSettings.load(environment: ["REDIS_URL": "redis://h"]).redis.urlFile == nil)
    }

    @Test func `of a file with a URL the first line is read, of one with tokens all lines`() throws {
        let directory = try ScratchDirectory()
        let file = try directory.write("\n\tredis://:pw@h \r\nchanged in May\n", to: "url")
        #expect(try ServiceSettings.load(environment: ["REDIS_URL_FILE": file]).redis.url == "redis://:pw@h")
        #expect(try SecretFile.line(at: file) == "redis://:pw@h")
        let tokens = try directory.write("one\ntwo\n\n", to: "tokens")
        #expect(try ConfigurationFile.secret(at: tokens) == "one\ntwo")
        let blank = try directory.write("\r\n \t", to: "blank")
        for file in [blank, directory.path + "/none"] {
            #expect(throws: SecretFile.Unusable.self) { try SecretFile.line(at: file) }
            #expect(throws: ConfigurationFile.Unusable.self) { try ConfigurationFile.secret(at: file) }
        }
    }

    @Test func `queues in a file may be an object`() throws {
        let directory = try ScratchDirectory()
        let file = try directory.write(#"{"worker": {"queues": {"downloads": 2, "a": 1}}}"#, to: "c.json")
        let settings = try ServiceSettings.load(environment: [:], file: file)
        #expect(settings.worker.queues == [QueueSlots("downloads", 2), QueueSlots("a", 1)])
    }

    @Test(arguments: [("1", 1), ("1KiB", 1024), ("2 MiB", 2 << 20), ("3GiB", 3 << 30), ("1024 TiB", 1 << 50)])
    func `sizes may have a unit`(text: String, bytes: Int) throws {
        #expect(try Settings.downloadMaxBytes.parse(text) == bytes)
    }

    @Test func `the example file has every key, and its values are the defaults`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "config/martlet.example.json").path
        let example = try ServiceSettings.load(environment: [:], file: file)
        let defaults = try ServiceSettings.load(environment: [:])
        #expect(example.redis == defaults.redis)
        #expect(example.http == defaults.http)
        #expect(example.worker == defaults.worker)
        #expect(example.download == defaults.download)
        #expect(example.log == defaults.log)
        for origin in example.origins { #expect((origin.kind == .file) == (origin.key.fallback != nil)) }
        let text = try #require(FileManager.default.contents(atPath: file))
        let sections = try #require(JSONValue(text).object)
        let keys = sections.fields.flatMap { section in
            (section.value.object?.names ?? []).map { "\(section.name).\($0)" }
        }
        #expect(Set(keys) == Set(Settings.all.map(\.name)), "a key without a default stands there as null")
    }
}

/// All groups of options, as a command would take them.
struct EveryFlag: ParsableArguments {
    @OptionGroup var config: ConfigFlags
    @OptionGroup var redis: RedisFlags
    @OptionGroup var http: HTTPFlags
    @OptionGroup var log: LogFlags
    @OptionGroup var worker: WorkerFlags
    @OptionGroup var download: DownloadFlags

    var groups: [any SettingFlags] { [redis, http, log, worker, download] }
}
