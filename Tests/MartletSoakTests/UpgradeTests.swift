// A rolling upgrade with real processes of two versions.

import TestSupport
import Testing

@testable import MartletSoak

@Suite struct UpgradeTests {
    @Test func `two versions share queues during an upgrade and lose nothing`() async throws {
        let report = try await Upgrade.run(
            seconds: 5, rate: 150, seed: UInt64.random(in: 0...UInt64.max), directory: temporaryDirectory("upgrade"))
        #expect(report.breaches.isEmpty, "\(report.text)")
        #expect(report.evidence.pushes.acked.count > 100)
    }
}
