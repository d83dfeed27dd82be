// What does not fit is refused: all of it at once, with name, value and range, and without showing a secret.

import FoundationEssentials
import MartletJSON
import Testing

@testable import MartletCLI

@Suite struct ConfigurationProblemTests {
    private func problems(
        flags: [String: String] = [:], _ environment: [String: String] = [:], file: String? = nil
    ) -> [String] {
        do {
            _ = try ServiceSettings.load(flags: flags, environment: environment, file: file)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test(arguments: ["0", "11", "x", "", "1.5", "-1", " 3", "3 ", "0x3", "nan", "99999999999999999999"])
    func `a limit of downloads outside 1 to 10 is refused by the environment with name and range`(text: String) {
        for name in ["DOWNLOAD__MAX_CONCURRENT_DOWNLOADS", "DOWNLOAD_MAX_CONCURRENT_DOWNLOADS"] {
            let shown = text.isEmpty ? "\"\"" : text
            #expect(problems([name: text]) == ["\(name)=\(shown): must be a whole number from 1 to 10"])
        }
    }

    @Test(arguments: ["0", "11", "\"x\"", "\"\"", "1.5", "true", "[3]", "{}"])
    func `a limit of downloads outside 1 to 10 is refused by the file with name and range`(json: String) throws {
        let directory = try ScratchDirectory()
        let text = "{\"download\": {\"max_concurrent_downloads\": \(json)}}"
        let found = problems(file: try directory.write(text, to: "c.json"))
        // An empty object is no value at all: the key is simply not there.
        guard json != "{}" else { return #expect(found.isEmpty) }
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("download.max_concurrent_downloads in \(directory.path)/c.json=") == true)
        #expect(found.first?.hasSuffix(": must be a whole number from 1 to 10") == true)
    }

    @Test(arguments: [
        (#"{"http":{"port":1,"port":2}}"#, "http.port"), (#"{"http":{"port":1},"http":{"host":"::1"}}"#, "http"),
        (#"{"http":{"port":1,"p\u006frt":1}}"#, "http.port"),
        (#"{"worker":{"queues":{"a":1,"a":2}}}"#, "worker.queues.a"),
    ])
    func `a key that stands twice in the file is refused`(text: String, key: String) throws {
        let directory = try ScratchDirectory()
        let found = problems(file: try directory.write(text, to: "c.json"))
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix(": has \(key) twice") == true, "\(found)")
    }

    @Test func `an empty section of an unknown name is a mistake, one of a known name is none`() throws {
        let directory = try ScratchDirectory()
        let text = #"{"nosection":{},"http":{},"download":{"nosuch":{}}}"#
        let found = problems(file: try directory.write(text, to: "c.json"))
        #expect(found.count == 2, "\(found)")
        for problem in found { #expect(problem.hasSuffix(": is not a setting of Martlet")) }
    }

    @Test(arguments: ["0", "11", "x", "", "1.5"])
    func `a limit of downloads outside 1 to 10 is refused as a flag with name and range`(text: String) {
        let found = problems(flags: ["download.max_concurrent_downloads": text])
        let shown = text.isEmpty ? "\"\"" : text
        #expect(found == ["--download-max-concurrent-downloads=\(shown): must be a whole number from 1 to 10"])
    }

    @Test(
        arguments: [
            ("REDIS_PREFIX", ["", "a b", "{x}", String(repeating: "x", count: 65)]),
            ("HTTP_HOST", ["", "a b", "http://x"]), ("HTTP_PORT", ["-1", "65536", "http"]),
            ("LOG_LEVEL", ["", "loud"]), ("LOG_FORMAT", ["xml"]),
            ("WORKER_QUEUES", ["", "a", "a=", "a=0", "a=1001", "a=1,", "A=1", "a=1,a=2", "a=1=2", "=1", "a=1;b=2"]),
            ("WORKER_SHUTDOWN_GRACE_SECONDS", ["", "-1", "3601", "inf", "nan", "0x10", "1e3", "."]),
            ("WORKER_UNKNOWN_TYPE_LIMIT_SECONDS", ["-1", "31536001", "never"]),
            ("REDIS_MEMORY_LIMIT_PERCENT", ["9", "101", "90%"]), ("REDIS_QUEUE_LIMIT", ["0", "100001", "all"]),
            ("DOWNLOAD__DEFAULT_MAX_RETRIES", ["-1", "11", "two"]), ("DOWNLOAD__DIRECTORY", [""]),
            ("DOWNLOAD__SOURCE_URL", ["https://h/x", "ftp://h/{track_id}", "{track_id}"]),
            ("DOWNLOAD__MAX_BYTES", ["0", "-1", "1.5XiB", "9999999 TiB", "GiB", "1 kb", "1125899906842625"]),
            ("DOWNLOAD__BYTES_PER_SECOND", ["-1", "1.5", "x", "1000000000001"]),
            ("DOWNLOAD__LEASE_SECONDS", ["4.9", "900.5", "x"]),
            ("DOWNLOAD__ALLOW_PRIVATE_ADDRESSES", ["", "maybe", "2"]),
        ] as [(String, [String])])
    func `a value that does not fit is refused with its name and what fits`(name: String, texts: [String]) throws {
        let key = try #require(Settings.all.first { $0.environment.contains(name) })
        for text in texts {
            let found = problems([name: text])
            #expect(found.count == 1, "\(name)=\(text)")
            #expect(found.first?.hasPrefix(key.mayHoldSecret ? "\(name): " : "\(name)=") == true)
            #expect(found.first?.hasSuffix(": must be \(key.expectation)") == true)
        }
    }

    @Test(arguments: ["\n", "\r", "\u{7F}", "\u{85}", "\u{9B}", "\u{2028}", "\u{2029}", "\u{202E}", "\u{200B}"])
    func `a problem is one line of plain text, whatever was written`(harm: String) {
        let found = problems(["LOG_LEVEL": "a\(harm)b"])
        #expect(found == ["LOG_LEVEL=a?b: must be \(Settings.logLevel.key.expectation)"])
    }

    @Test(arguments: ["AUTH_TOKENS_FILE", "LOG_FORMAT", "DOWNLOAD__SOURCE_URL"])
    func `an empty variable counts as absent where there may be no value`(name: String) {
        #expect(problems([name: ""]).isEmpty)
    }

    @Test func `all problems are reported at once, of all sources`() throws {
        let directory = try ScratchDirectory()
        let text = #"{"redis": {"prefix": "{"}, "nonsense": 1, "http": {"prot": 1}, "log": {"level": null}}"#
        let found = problems(
            flags: ["http.port": "x"], ["LOG_LEVEL": "loud", "DOWNLOAD__LEASE_SECONDS": "1"],
            file: try directory.write(text, to: "c.json"))
        #expect(found.count == 6)
        for name in [
            "--http-port", "LOG_LEVEL", "DOWNLOAD__LEASE_SECONDS", "redis.prefix in", "nonsense in", "http.prot in",
        ] {
            #expect(found.contains { $0.hasPrefix(name) }, "\(name)")
        }
    }

    @Test func `the report counts the problems and ends a process with 78`() {
        #expect(ConfigurationError.exitCode == 78)
        #expect(throws: ConfigurationError.self) { try ServiceSettings.load(environment: ["HTTP_PORT": "x"]) }
        let one = ConfigurationProblem(variable: "A", value: "x\n\u{1B}y", message: "no")
        #expect(ConfigurationError(problems: [one]).description == "1 problem in the configuration:\n  A=x??y: no")
        #expect(ConfigurationError(problems: [one, one]).description.hasPrefix("2 problems"))
        let long = ConfigurationProblem(variable: "A", value: String(repeating: "x", count: 5000), message: "no")
        #expect(long.description.count < 120)
    }

    @Test func `a secret is never shown, neither when it is wrong nor in the table`() throws {
        let found = problems(["REDIS_URL": "http://user:hunter2@h"])
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("REDIS_URL: must be a URL") == true)
        let settings = try ServiceSettings.load(environment: ["REDIS_URL": "redis://user:hunter2@h"])
        let table = SettingTable.text(settings.origins)
        #expect(table.contains("(secret)"))
        #expect(!(found.joined() + table + "\(settings.origins)").contains("hunter2"))
    }

    @Test func `a secret and its file together, an empty and a missing file are refused`() throws {
        let directory = try ScratchDirectory()
        let empty = try directory.write("\n \n", to: "empty")
        #expect(
            problems(["REDIS_URL": "redis://h", "REDIS_URL_FILE": empty])
                == ["REDIS_URL_FILE: must not be set together with REDIS_URL"])
        #expect(
            problems(["REDIS_URL_FILE": empty]) == ["REDIS_URL_FILE=\(empty): must be a file that is not empty"])
        #expect(
            problems(["REDIS_URL_FILE": "/nowhere/x"])
                == ["REDIS_URL_FILE=/nowhere/x: must be a file that this process can read"])
    }

    @Test(arguments: ["", "{", "[]", "3", "{\"http\": {\"port\": 1},}x"])
    func `a file that is no JSON object is refused`(text: String) throws {
        let directory = try ScratchDirectory()
        let file = try directory.write(text, to: "c.json")
        let found = problems(file: file)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("--config=\(file): must ") == true)
    }

    @Test func `a file that is missing or too large is refused`() throws {
        let directory = try ScratchDirectory()
        #expect(
            problems(file: "/nowhere/c.json")
                == ["--config=/nowhere/c.json: must be a file that this process can read"])
        let large = try directory.write(String(repeating: " ", count: 1 << 20) + "{}", to: "large.json")
        #expect(problems(file: large) == ["--config=\(large): must be a file of at most 1 MiB"])
    }

    @Test(
        arguments: [
            ("DOWNLOAD__MAX_CONCURENT_DOWNLOADS", "DOWNLOAD__MAX_CONCURRENT_DOWNLOADS"), ("REDIS_ULR", "REDIS_URL"),
            ("REDIS_URL_FIEL", "REDIS_URL_FILE"), ("HTTP_PROT", "HTTP_PORT"), ("WORKER_QUEUE", "WORKER_QUEUES"),
            ("AUTH_TOKEN_FILE", "AUTH_TOKENS_FILE"), ("LOG_LEVLE", "LOG_LEVEL"), ("LOG_ROTATE_KEEP_FOR_DAYS", nil),
        ] as [(String, String?)])
    func `a variable that is named like a setting and is none is a warning with the nearest name`(
        _ name: String, _ nearest: String?
    ) throws {
        let settings = try ServiceSettings.load(environment: [name: "3", "OTHER__X": "1"])
        let hint = nearest.map { "; did you mean \($0)?" } ?? ""
        #expect(settings.warnings == ["\(name) is set, but Martlet has no such setting\(hint)"])
    }

    @Test(arguments: [
        ("HTTP_PROXY", "http://proxy:3128"), ("REDIS_PORT", "tcp://10.0.0.1:6379"), ("REDIS_SERVICE_HOST", "10.0.0.1"),
        ("REDIS_PORT_6379_TCP_ADDR", "10.0.0.1"), ("DOWNLOAD_MAX_BYTES", "1"), ("REDIS_URL", "redis://h"),
    ])
    func `variables of other programs and both spellings of settings are no warning`(_ name: String, _ value: String)
        throws
    {
        #expect(try ServiceSettings.load(environment: [name: value]).warnings.isEmpty)
    }

    @Test(arguments: ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
    func `loopback needs no tokens`(host: String) throws {
        try ServiceSettings.load(environment: ["HTTP_HOST": host]).checkServer()
    }

    @Test(arguments: ["0.0.0.0", "::", "192.168.1.2", "example.org", "127.evil.example.org", "127.0.0.1.example.org"])
    func `another address is refused without tokens and served with them`(host: String) throws {
        let settings = try ServiceSettings.load(environment: ["HTTP_HOST": host])
        let error = #expect(throws: ConfigurationError.self) { try settings.checkServer() }
        #expect(error?.problems.first?.description.hasPrefix("HTTP_HOST=\(host): must be a loopback address") == true)
        try ServiceSettings.load(environment: ["HTTP_HOST": host, "AUTH_TOKENS_FILE": "/t"]).checkServer()
    }

    @Test(arguments: [
        ("HTTP_TLS_CERTIFICATE_FILE", "HTTP_TLS_KEY_FILE"), ("HTTP_TLS_KEY_FILE", "HTTP_TLS_CERTIFICATE_FILE"),
    ])
    func `a certificate needs a key and a key a certificate`(given: String, missing: String) throws {
        let settings = try ServiceSettings.load(environment: [given: "/f"])
        let error = #expect(throws: ConfigurationError.self) { try settings.checkServer() }
        #expect(error?.problems.map(\.description) == ["\(given)=/f: needs \(missing) too"])
        try ServiceSettings.load(environment: [given: "/f", missing: "/g"]).checkServer()
    }

    @Test func `the tables name every key once, with default, range and source`() throws {
        let rows = SettingTable.markdown.split(separator: "\n").dropFirst(2)
        #expect(rows.count == Settings.all.count)
        for (row, key) in zip(rows, Settings.all) {
            for name in key.environment + [key.name, "--" + key.flagName] { #expect(row.contains("`\(name)`")) }
        }
        #expect(rows.first?.contains("`REDIS_URL_FILE`") == true)
        let settings = try ServiceSettings.load(environment: ["HTTP_PORT": "81"])
        let lines = SettingTable.text(settings.origins).split(separator: "\n")
        #expect(lines.count == Settings.all.count + 1)
        #expect(
            lines.contains {
                $0.hasPrefix("http.port ") && $0.contains(" 81 ") && $0.hasSuffix("environment HTTP_PORT")
            })
        #expect(lines.contains { $0.hasPrefix("redis.url ") && $0.hasSuffix("default") })
    }
}
