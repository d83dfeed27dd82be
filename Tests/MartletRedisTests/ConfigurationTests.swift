// Redis URLs, and that no text shows a password.

import NIOSSL
import Testing

@testable import MartletRedis

@Suite struct ConfigurationTests {
    @Test func `connections use TLS 1.2 at least`() throws {
        let settings = RedisConnector.tlsSettings(of: try RedisConfiguration(url: "rediss://h?ca=/etc/ca.pem"))
        #expect(settings.minimumTLSVersion == .tlsv12)
        #expect(settings.trustRoots == .file("/etc/ca.pem"))
    }

    @Test func `the parts of a server's URL are read into their fields`() throws {
        let full = try RedisConfiguration(url: "rediss://ann:p%40s%3As@redis.example:6380/4?ca=/etc/ca.pem")
        #expect(full.endpoint == .tcp(host: "redis.example", port: 6380, tls: true))
        #expect(full.user == "ann")
        #expect(full.password?.value == "p@s:s")
        #expect(full.database == 4)
        #expect(full.tlsTrustRoots == "/etc/ca.pem")
        let plain = try RedisConfiguration(url: "redis://127.0.0.1")
        #expect(plain.endpoint == .tcp(host: "127.0.0.1", port: 6379, tls: false))
        #expect(plain.user == nil && plain.password == nil && plain.database == 0)
        #expect(try RedisConfiguration(url: "REDIS://h/").endpoint == .tcp(host: "h", port: 6379, tls: false))
        #expect(try RedisConfiguration(url: "redis://[::1]:7/2").endpoint == .tcp(host: "::1", port: 7, tls: false))
        #expect(try RedisConfiguration(url: "redis://:a@b@h").password?.value == "a@b")
    }

    @Test func `the parts of a socket's URL are read into their fields`() throws {
        let url = "unix:///run/my%20redis.sock?db=2&user=ann&password=a%26b"
        let configuration = try RedisConfiguration(url: url)
        #expect(configuration.endpoint == .unixSocket(path: "/run/my redis.sock"))
        #expect(configuration.database == 2)
        #expect(configuration.user == "ann")
        #expect(configuration.password?.value == "a&b")
    }

    @Test(arguments: [
        "", "localhost:6379", "http://h", "redis://", "redis://:6379", "redis://h:0", "redis://h:65536", "redis://h:x",
        "redis://h:+1", "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://user@h", "redis://h?db=1",
        "redis://h#x", "redis://::1", "redis://[::1", "redis://[::1]x", "redis://u:%4@h", "redis://u:%zz@h",
        "redis://u:%00@h", "redis://u:%+f@h", "redis://h?ca=/x", "rediss://h?ca", "unix://relative", "unix://",
        "unix:///s?db=x", "unix:///s?what=1", "redis://h\0.example", "unix:///s\0x", "redis://:p\0w@h",
    ])
    func `a bad URL is refused`(_ url: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .invalidURL)
        #expect(error?.outcome == .notExecuted)
    }

    @Test func `a socket's path above the kernel's limit is refused with the limit`() {
        let long = "unix:///" + String(repeating: "x", count: 107)
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: long) }
        #expect(error?.message.contains("107") == true)
    }

    @Test(arguments: [
        "redis://ann:hunter2@h:1/0", "rediss://:hunter2@h", "unix:///s?password=hunter2", "redis://:hunter2@h:bad",
        "hunter2@h", "redis://hunter2@h", "redis://h:hunter2", "redis://h/hunter2", "hunter2://h", "unix:///s?hunter2",
        "redis://u:hunter2%zz@h", "redis://h?hunter2=1",
    ])
    func `no description shows the password`(_ url: String) {
        var texts: [String] = []
        do {
            let configuration = try RedisConfiguration(url: url)
            texts = ["\(configuration)", String(reflecting: configuration)]
            var dumped = ""
            dump(configuration, to: &dumped)
            texts.append(dumped)
            if let password = configuration.password {
                texts += ["\(password)", String(reflecting: password)]
            }
        } catch {
            texts = ["\(error)", String(reflecting: error), error.message]
        }
        #expect(!texts.isEmpty && texts.allSatisfy { !$0.contains("hunter2") }, "\(texts)")
    }
}

@Suite struct RedisErrorTests {
    @Test(arguments: [
        ("NOSCRIPT No matching script", RedisError.Code.noScript, RedisError.Outcome.notExecuted),
        ("LOADING Redis is loading", .loading, .notExecuted), ("BUSY Redis is busy", .busy, .notExecuted),
        ("READONLY You can't write", .readOnly, .notExecuted), ("MASTERDOWN Link", .masterDown, .notExecuted),
        ("CLUSTERDOWN Hash slot", .clusterDown, .notExecuted), ("TRYAGAIN Multiple keys", .tryAgain, .notExecuted),
        ("CROSSSLOT Keys in request", .crossSlot, .notExecuted),
        ("ERR Script killed by user with SCRIPT KILL... script: 449f, on @user_script:2.", .killed, .notExecuted),
        ("MOVED 1 h:1", .moved, .notExecuted), ("ASK 1 h:1", .moved, .notExecuted),
        ("NOREPLICAS Not enough", .noReplicas, .notExecuted), ("MISCONF Errors", .misconfigured, .notExecuted),
        ("OOM command not allowed", .outOfMemory, .notExecuted), ("NOAUTH", .authentication, .notExecuted),
        ("WRONGPASS invalid", .authentication, .notExecuted), ("NOPERM this user", .noPermission, .verdict),
        ("WRONGTYPE Operation", .serverError, .verdict), ("ERR unknown", .serverError, .verdict),
        ("BUSYKEY Target key name already exists.", .serverError, .verdict), ("", .serverError, .verdict),
    ])
    func `an error reply is classed by its first word`(
        _ text: String, _ code: RedisError.Code, _ outcome: RedisError.Outcome
    ) {
        let error = RedisError(reply: text)
        #expect(error.code == code)
        #expect(error.outcome == outcome)
    }

    @Test func `every error says what happened, whether it took effect, and what to do`() {
        for code in RedisError.Code.allCases {
            let text = RedisError(code, "it rained").description
            #expect(text.contains("it rained") && text.contains(code.rawValue) && text.hasSuffix("."))
            #expect(code.advice.count > 15)
        }
        #expect(RedisError(.timeout, "x").description.contains("unknown"))
        #expect(RedisError(.outOfMemory, "x").description.contains("not executed"))
    }

    @Test func `a long error reply is shortened to one line`() {
        let error = RedisError(reply: "ERR a\nb\r\n" + String(repeating: "x", count: 5000))
        #expect(error.message.count < 400)
        #expect(!error.message.contains { $0.isNewline })
    }

    @Test func `values read as the types that callers want`() {
        #expect(RedisValue.text("12").int == 12)
        #expect(RedisValue.integer(3).int == 3)
        #expect(RedisValue.text("x").int == nil)
        #expect(RedisValue.text("é").string == "é")
        #expect(RedisValue.integer(1).string == nil && RedisValue.integer(1).bytes == nil)
        #expect(RedisValue.array([.null]).array == [.null])
        #expect(RedisValue.null.isNull && !RedisValue.integer(0).isNull)
    }

    @Test func `an answer to INFO may have lines without a name`() {
        let text = "# Server\r\nredis_version:7.0.15\r\n:\r\n::x\r\nalone\r\n"
        let fields = RedisValue.bytes(Array(text.utf8)).informationFields
        #expect(fields["redis_version"] == "7.0.15")
        #expect(fields["alone"]?.isEmpty == true)
    }
}
