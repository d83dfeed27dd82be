// Speed limits, speeds, addresses and part names as values.

import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct ValueTests {
    @Test func `a bucket keeps the average at its rate`() {
        var bucket = TokenBucket(bytesPerSecond: 1000)
        var now = Duration.zero
        var passed = 0
        while now < .seconds(60) {
            passed += 137
            now += bucket.take(137, at: now)
        }
        #expect((60_000...60_500).contains(passed))
    }

    @Test func `a bucket allows a burst of a quarter of a second, also after a pause`() {
        var bucket = TokenBucket(bytesPerSecond: 1000)
        #expect(bucket.take(250, at: .zero) == .zero)
        #expect(bucket.take(100, at: .zero) == .milliseconds(100))
        #expect(bucket.take(250, at: .seconds(100)) == .zero)
        #expect(bucket.take(1, at: .seconds(100)) == .milliseconds(1))
        // A clock that stands still or goes back gives nothing.
        #expect(bucket.take(0, at: .seconds(50)) == .milliseconds(1))
    }

    @Test func `one bucket limits all that share it`() {
        let bucket = SharedBucket(bytesPerSecond: 1_000_000)
        // The bucket fills again between two steps, so the end of a wait is compared and not its length.
        let start = ContinuousClock.now
        _ = bucket.take(250_000)
        let (one, two) = (bucket.take(1_000_000), bucket.take(1_000_000))
        let passed = ContinuousClock.now - start
        #expect(one + passed > .milliseconds(900))
        #expect(two + passed > .milliseconds(1800))
    }

    @Test func `a meter averages speed and reports at most four times a second`() {
        var meter = RateMeter(at: .zero)
        var reports = 0
        for step in 1...1000 {
            if meter.add(1000, at: .milliseconds(step * 10)) { reports += 1 }
        }
        #expect((30...40).contains(reports))
        #expect(abs((meter.rate ?? 0) - 100_000) < 1000)
        for step in 1...1000 { _ = meter.add(2000, at: .milliseconds(10_000 + step * 10)) }
        #expect(abs((meter.rate ?? 0) - 200_000) < 8000)
    }

    @Test(arguments: [
        "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255",
        "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a00::1", "2001:200::1",
    ])
    func `public addresses are public`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.0.1", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:808:808::1",
        "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fe80::1", "fec0::1", "ff02::1",
    ])
    func `reserved addresses are not public`(text: String) throws {
        #expect(try !#require(IPAddress(text)).isPublic)
    }

    @Test func `addresses are read in one form only`() {
        #expect(IPAddress("::FFFF")?.description == "::ffff")
        #expect(IPAddress("1.2.3.4")?.description == "1.2.3.4")
        for text in ["", "1", "1.2.3", "01.2.3.4", "1.2.3.256", "0x1.2.3.4", "fe80::1%eth0", "[::1]", "localhost"] {
            #expect(IPAddress(text) == nil)
        }
    }

    @Test func `the system's resolver knows this host and says when a name is unknown`() async throws {
        let found = try await AddressResolver.system.resolve("localhost")
        #expect(found.contains { ["127.0.0.1", "::1"].contains($0.description) })
        await #expect(throws: DownloadError.self) { try await AddressResolver.system.resolve("no-such-host.invalid") }
    }

    @Test func `a part's name yields its job id, whatever dots it has`() throws {
        let id = try #require(JobID("a.b-c:d_e"))
        let name = PartName.make(filename: "x.tar.gz", id: id, token: "12:abcdefghijk")
        #expect(name == ".x.tar.gz.a.b-c:d_e.12-abcdefgh.part")
        #expect(PartName.isPart(name, of: "a.b-c:d_e"))
        #expect(
            PartName.candidates(in: name).map(\.description) == [
                "tar.gz.a.b-c:d_e", "gz.a.b-c:d_e", "a.b-c:d_e", "b-c:d_e",
            ])
        #expect(PartName.make(filename: "x", id: id, token: "1:a/b.c-d+") == ".x.a.b-c:d_e.1-a_b_c_d_.part")
        let longest = PartName.make(
            filename: String(repeating: "n", count: 90), id: try #require(JobID(String(repeating: "i", count: 128))),
            token: "\(Int64.max):nonce123")
        #expect(longest.utf8.count <= 255)
        #expect(PartName.candidates(in: longest).count == 1)
    }

    @Test(arguments: [
        "", ".part", "a.b.1-x.part", ".a.part", ".a.1-x.part", ".a.b.x-1.part", ".a.b.1-x.partial", ".a.b.1x.part",
        ".a.b.-x.part", ".a.b.1-x-y.part", ".a.b.1-123456789.part", ".a/b.c.1-x.part", ".a.b c.1-x.part",
    ])
    func `another file name belongs to no job`(name: String) {
        #expect(PartName.candidates(in: name).isEmpty)
    }
}
