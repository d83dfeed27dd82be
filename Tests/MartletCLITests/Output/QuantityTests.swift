// Sizes and times as people write them, on the command line and in settings alike.

import ArgumentParser
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

@Suite struct QuantityTests {
    @Test(arguments: [
        ("1", 1), ("0", 0), ("10MiB", 10 << 20), ("10 MiB", 10 << 20), ("1.5GiB", 3 << 29), ("2kB", 2000),
        ("3MB", 3_000_000),
        ("7B", 7), ("1TiB", 1 << 40), ("0.1MiB", 104_858),
    ])
    func `sizes take units`(_ text: String, _ bytes: Int) { #expect(Quantity.bytes(text) == bytes) }

    @Test(arguments: [
        "", "-1", "MiB", "1.5", "10Mib", "1e3", "0x10", "99999999TiB", "9223372036854775808", "inf", "1 2",
    ])
    func `an invalid size is refused`(_ text: String) { #expect(Quantity.bytes(text) == nil) }

    @Test(arguments: [
        ("90", 90.0), ("0.5", 0.5), ("500ms", 0.5), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1h 5s", 3605),
        ("30s", 30),
    ])
    func `times take units`(_ text: String, _ seconds: Double) { #expect(Quantity.seconds(text) == seconds) }

    @Test(arguments: ["", "-1", "m", "5x", "1m1h", "5m5m", "1e3", "0x10", "nan", "inf", "1h30", " "])
    func `an invalid time is refused`(_ text: String) { #expect(Quantity.seconds(text) == nil) }

    @Test func `options and settings take the same`() throws {
        let add = try DownloadCommand.Add.parse(["http://a/", "--max-bytes", "10MiB", "--delay", "5m"])
        #expect(add.maxBytes?.bytes == 10 << 20 && add.delay?.seconds == 300)
        #expect(try Settings.downloadMaxBytes.parse("10MiB") == 10 << 20)
        #expect(try Settings.downloadLease.parse("5m") == .seconds(300))
        let push = try EnqueueCommand.parse(["t", "--timeout", "1h", "--backoff", "base=500ms,factor=3,cap=10m"])
        #expect(push.timeout?.seconds == 3600)
        #expect(push.backoff?.json.line == #"{"base_seconds":0.5,"factor":3,"cap_seconds":600}"#)
        #expect(throws: (any Error).self) { try EnqueueCommand.parse(["t", "--backoff", "often"]) }
        #expect(throws: (any Error).self) { try EnqueueCommand.parse(["t", "--delay", "1", "--run-at", "x"]) }
    }
}
