// `martlet doctor` against a Redis that is set up otherwise, refuses the password, or is not there.

import FoundationEssentials
import MartletJSON
import MartletRedis
import Testing

@testable import MartletCLI
@testable import MartletChecks

private let nothing = OriginContent(files: [], bytesPerSecond: 1)

@Suite(.serialized) struct DoctorTests {
    @Test func `every setting of the guide is checked, and differences are reported with advice`()
        async throws
    {
        try await TestStack.with(nothing) { stack in
            for (name, good, bad) in [
                ("no-appendfsync-on-rewrite", "no", "yes"), ("aof-load-truncated", "yes", "no"),
                ("timeout", "0", "300"),
                ("tcp-keepalive", "60", "0"), ("tcp-keepalive", "30", "300"),
                ("busy-reply-threshold", "1000", "5000"), ("maxmemory", "1gb", "0"),
            ] {
                try await stack.command("CONFIG", "SET", name, good)
                #expect(try await stack.doctor(name)["result"].string == "ok", "\(name) \(good)")
                try await stack.command("CONFIG", "SET", name, bad)
                let check = try await stack.doctor(name)
                #expect(
                    check["result"].string == "warning" && check["value"].string?.isEmpty == false, "\(name) \(bad)")
                #expect(check["advice"].string?.hasPrefix("set ") == true)
            }
        }
    }

    @Test func `doctor, the guide and the shipped configuration recommend the same`() throws {
        let guide = try Self.text("Sources/Martlet/Martlet.docc/RunningInProduction.md").split(separator: "\n")
        let shipped = try Self.text("config/redis.conf").split(separator: "\n")
        for setting in AdvisedSetting.all where setting.name != "maxmemory" {
            let row = try #require(guide.first { $0.hasPrefix("| `\(setting.name)` | `") }, "\(setting.name)")
            let value = String(row.split(separator: "`")[3])
            #expect(shipped.contains("\(setting.name) \(value)"))
            #expect(setting.check(value).result == .good, "\(setting.name) \(value)")
            #expect(setting.advice.hasPrefix("set \(value):"), "\(setting.advice)")
            guard let number = Int(value) else { continue }
            #expect(setting.check(String(number + 1)).result == .warning, "\(setting.name) \(number + 1)")
        }
    }

    private static func text(_ path: String) throws -> String {
        let root = URL(filePath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
        return String(decoding: try #require(FileManager.default.contents(atPath: root + "/" + path)), as: UTF8.self)
    }

    @Test func `the sort order of Redis is reported, and none is a fault`() async throws {
        try await TestStack.with(nothing) { stack in
            let check = try await stack.doctor("locale")
            #expect(check["result"].string == "ok")
            #expect(check["value"].string?.contains("texts compare by") == true, "\(check)")
        }
        // What a Redis with a language would say; the tests of the queue run one.
        #expect(CollationCheckup.words(setting: nil, comparesBytes: true) == "texts compare by bytes")
        #expect(
            CollationCheckup.words(setting: "en_US.UTF-8", comparesBytes: false)
                == "en_US.UTF-8: texts compare by a language, ids by bytes all the same")
    }

    @Test func `a value that cannot be read is reported as such`() async throws {
        try await TestStack.with(nothing) { stack in
            try await stack.command("ACL", "SETUSER", "default", "-config")
            for name in ["no-appendfsync-on-rewrite", "maxmemory", "busy-reply-threshold"] {
                let check = try await stack.doctor(name)
                #expect(check["result"].string == "warning" && check["value"].string == "cannot be read")
            }
            try await stack.command("ACL", "SETUSER", "default", "+@all")
        }
    }

    @Test func `a wrong password is reported as such, and the settings are shown`() async throws {
        try await TestStack.with(nothing) { stack in
            try await stack.command("ACL", "SETUSER", "m", "reset", "on", ">right", "~*", "+@all")
            let url = "unix://\(stack.redis.socketPath)?user=m&password=wrong-canary"
            let result = try await stack.martlet("doctor", environment: ["REDIS_URL": url])
            #expect(result.status == 4)
            #expect(result.errors.contains("password") && !result.errors.contains("cannot be reached"))
            #expect(result.output.contains("environment DOWNLOAD__DIRECTORY") && result.output.contains("(secret)"))
            #expect(!(result.output + result.errors).contains("canary"))
            let audit = try await stack.martlet("audit", environment: ["REDIS_URL": url])
            #expect(audit.status == 4 && audit.errors.contains("password"))
        }
    }

    @Test func `without Redis the settings and what else can be checked are shown`() async throws {
        try await TestStack.with(nothing) { stack in
            let environment = ["REDIS_URL": "redis://127.0.0.1:1", "REDIS_PREFFIX": "x"]
            let result = try await stack.martlet("doctor", environment: environment)
            #expect(result.status == 69)
            #expect(
                result.errors.contains("Redis cannot be reached") && result.errors.contains("nothing listens there"))
            for word in [
                "SETTING", "download directory", "environment DOWNLOAD__DIRECTORY", "did you mean REDIS_PREFIX?",
            ] {
                #expect(result.output.contains(word), "no \(word): \(result.output)")
            }
            for raw in ["NIO", "errno", "connect(", "Error("] { #expect(!result.errors.contains(raw)) }
        }
    }
}

extension TestStack {
    /// One check of `doctor`.
    fileprivate func doctor(_ name: String) async throws -> JSONValue {
        let result = try await martlet("doctor", "-o", "json")
        return try #require(result.json["checks"].array?.first { $0["check"].string == name }, "\(result.errors)")
    }
}
