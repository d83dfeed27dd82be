// What a request for a download may say.

import Foundation
import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct RequestRulesTests {
    private let rules = DownloadRequestRules()
    private let openRules = DownloadRequestRules(allowPrivateAddresses: true)

    @Test(arguments: [
        ("http://Example.COM", "http://example.com/"),
        ("HTTPS://example.com:443/a%20b?c=d#frag", "https://example.com/a%20b?c=d"),
        ("https://example.com:8443/ä/b c".replacing(" ", with: "%20"), "https://example.com:8443/%C3%A4/b%20c"),
        ("http://example.com?x=[1]|2", "http://example.com/?x=%5B1%5D%7C2"),
        ("http://example.com./a%zz", "http://example.com/a%25zz"),
        ("http://93.184.216.34/a", "http://93.184.216.34/a"),
        ("http://[2606:2800:220:1:248:1893:25C8:1946]/", "http://[2606:2800:220:1:248:1893:25c8:1946]/"),
        ("http://xn--mnchen-3ya.example/", "http://xn--mnchen-3ya.example/"),
    ])
    func `a URL is normalised`(given: String, normal: String) throws {
        #expect(try rules.url(given) == normal)
    }

    @Test(arguments: [
        "plain", "quote\" back\\slash /", "\u{0}\u{1}\u{8}\t\n\u{B}\u{C}\r\u{1F}\u{7F}", "ü 😀 \u{2028}", "",
    ])
    func `a payload is what a JSON encoder writes with sorted keys and plain slashes`(text: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let jobs = [
            DownloadJob(url: "https://a.example/" + text, filename: text),
            DownloadJob(
                source: .track(text), filename: "f", checksum: "sha256:0", maxBytes: .max, bytesPerSecond: -1),
        ]
        for job in jobs {
            #expect(
                String(decoding: job.payload, as: UTF8.self) == String(decoding: try encoder.encode(job), as: UTF8.self)
            )
            #expect(try JSONDecoder().decode(DownloadJob.self, from: Data(job.payload)) == job)
        }
    }

    @Test(arguments: [
        ("https://a.example/x/{track_id}", "a/b", "https://a.example/x/a%2Fb"),
        ("https://a.example/{track_id}/{track_id}?q={track_id}", "7", "https://a.example/7/7?q=7"),
        ("https://a.example/a?b={track_id}", "ä", "https://a.example/a?b=%C3%A4"),
    ])
    func `a track's id replaces each placeholder of the template`(template: String, track: String, url: String) throws {
        #expect(try TrackTemplate(template).url(of: track) == url)
    }

    @Test(arguments: [
        "", ".", "..", "a\u{0}", "a\u{9B}b", "a\u{202E}b", "a\u{200B}", String(repeating: "a", count: 65),
    ])
    func `a track's id has only visible characters`(id: String) {
        #expect { try TrackTemplate("https://a.example/{track_id}").url(of: id) } throws: {
            ($0 as? DownloadRuleError)?.field == "track_id"
        }
    }

    @Test(arguments: [
        "", "example.com", "/a", "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "http://",
        "http:///a", "http://user@example.com/", "http://user:pw@example.com/", "http://example.com:/",
        "http://example.com:0/", "http://example.com:0080/", "http://example.com:65536/", "http://example.com:8a/",
        "http://example.com:-1/", "http://exa mple.com/", "http://example.com/\r\nHost:x", "http://example.com\\@a/",
        "http://ex%61mple.com/", "http://münchen.example/", "http://a..b/", "http://[::1/", "http://[::1]x/",
        "http://[fe80::1%25eth0]/", "http://[zz]/", "http://" + String(repeating: "a", count: 64) + ".com/",
        "http://example.com/" + String(repeating: "a", count: 9000), "javascript:alert(1)", "http://a~b.example/",
    ])
    func `a malformed URL is refused whatever addresses are allowed`(url: String) {
        for rules in [rules, openRules] {
            #expect { try rules.url(url) } throws: { ($0 as? DownloadRuleError)?.field == "url" }
        }
    }

    @Test(arguments: [
        "localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001",
        "0x7f.1", "0177.0.0.1", "127.0.0.01", "1.2.3", "256.1.1.1", "[::1]", "[::]", "[::ffff:10.0.0.1]",
        "[::ffff:7f00:1]", "[64:ff9b::a00:1]", "[fe80::1]", "[fc00::1]", "[2002:7f00:1::]", "[2001::1]", "[ff02::1]",
        "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1",
        "255.255.255.255", "metadata", "metadata.google.internal", "db.internal", "printer.local", "x.home.arpa",
        "instance-data.ec2.example", "example.com:6379", "example.com:22", "example.com:25",
    ])
    func `a private or local address is refused`(authority: String) {
        #expect { try rules.url("http://\(authority)/") } throws: { error in
            (error as? DownloadRuleError)?.isAddressRefusal == true
        }
    }

    @Test(arguments: ["localhost", "127.0.0.1:6379", "[::1]:8080", "db.internal", "10.0.0.1"])
    func `private addresses pass once they are allowed`(authority: String) throws {
        #expect(try openRules.url("http://\(authority)/a") == "http://\(authority)/a")
    }

    @Test(arguments: ["127.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.0.0.1", "[::ffff:127.0.0.1]"])
    func `every spelling of an address is one host for its share of slots`(host: String) throws {
        let url = try DownloadURL("http://\(host)/a", allowPrivateAddresses: true)
        #expect(url.sharedHost == "127.0.0.1")
        #expect(try DownloadURL("http://v1.2/a", allowPrivateAddresses: true).host == "v1.2", "no address")
    }

    @Test func `a checksum is sha256 and 64 digits`() throws {
        let digits = String(repeating: "aB", count: 32)
        #expect(try DownloadRequestRules.checksum("SHA256:" + digits) == "sha256:" + digits.lowercased())
        for text in [
            "", digits, "md5:" + digits, "sha256:" + digits.dropLast(), "sha256:" + digits + "0",
            "sha256:" + String(repeating: "g", count: 64),
        ] {
            #expect { try DownloadRequestRules.checksum(text) } throws: {
                ($0 as? DownloadRuleError)?.field == "checksum"
            }
        }
    }

    @Test(arguments: ["song.flac", "Ä ö.mp3", "a:b?.txt", "no extension", "コン.wav", "console.log", "e\u{301}.txt"])
    func `a plain name stays as it is`(name: String) throws {
        #expect(try DownloadRequestRules.filename(name) == name)
    }

    @Test(arguments: [
        "", ".", "..", ".hidden", "../etc/x", "/etc/x", "a/../../b", "a\\b", "a\0b", "a\nb", "\u{202E}gpj.exe",
        "a\u{200B}b", "\u{2025}", "a\u{2026}", "\u{FF0E}\u{FF0E}", "a\u{2215}b", "a\u{FF0F}b", "   ", "CON", "con.txt",
        "NUL", "com1", "LPT9.x", "aux .c",
    ])
    func `a harmful name is refused`(name: String) {
        #expect { try DownloadRequestRules.filename(name) } throws: { ($0 as? DownloadRuleError)?.field == "filename" }
    }

    @Test func `a long name is cut at a character and keeps its extension`() throws {
        let long = try DownloadRequestRules.filename(String(repeating: "x", count: 300) + ".flac")
        #expect(long == String(repeating: "x", count: 85) + ".flac")
        let wide = try DownloadRequestRules.filename(String(repeating: "👩‍🚀", count: 30) + ".mp3")
        #expect(wide.utf8.count <= 90 && wide.hasSuffix("👩‍🚀.mp3"))
        let bare = try DownloadRequestRules.filename(String(repeating: "é", count: 80))
        #expect(bare == String(repeating: "é", count: 45))
        let odd = try DownloadRequestRules.filename("a." + String(repeating: "b", count: 200))
        #expect(odd.utf8.count == 90)
        let stacked = "e" + String(repeating: "\u{301}", count: 200)
        #expect(try DownloadRequestRules.filename(stacked + ".txt") == "download.txt")
    }

    @Test(arguments: [
        ("http://h.example/a/song.flac?x=1", "song.flac"), ("http://h.example/", "download"),
        ("http://h.example/a/", "download"), ("http://h.example/%2e%2e%2fetc%2fpasswd", "_etc_passwd"),
        ("http://h.example/..%00", "_"), ("http://h.example/.bashrc", "bashrc"), ("http://h.example/%ff", "download"),
        ("http://h.example/con.txt", "_con.txt"), ("http://h.example/a%3Ab%3F", "a_b_"), ("http://h.example/a.", "a"),
        ("http://h.example/%20%20", "download"), ("http://h.example/%E2%80%A5", "download"),
    ])
    func `a name is made from the URL and is always safe`(url: String, name: String) throws {
        let made = try rules.job(url: url).filename
        #expect(made == (name == "_" ? "download" : name))
        #expect(try FileNames.checked(made) == made)
    }

    @Test func `a track's URL comes from the template and its name holds the id`() throws {
        let id = "0b3c0a52-8e7e-4d36-9f0f-5a3a1f4b7d11"
        let cases = [
            ("https://media.example/tracks/{track_id}", "/tracks/\(id)", id),
            ("https://media.example/t/{track_id}/audio.flac", "/t/\(id)/audio.flac", "\(id)-audio.flac"),
            ("https://media.example/get?id={track_id}", "/get?id=\(id)", "\(id)-get"),
            ("https://media.example/{track_id}.mp3", "/\(id).mp3", "\(id).mp3"),
        ]
        for (template, target, name) in cases {
            let rules = DownloadRequestRules(tracks: try TrackTemplate(template))
            let job = try rules.job(trackID: id)
            #expect(try rules.url(of: job.source) == "https://media.example" + target)
            #expect(job.filename == name)
            #expect(job.source == .track(id))
        }
        let rules = DownloadRequestRules(tracks: try TrackTemplate("https://media.example/{track_id}"))
        #expect(try rules.url(of: .track("a/b c?")) == "https://media.example/a%2Fb%20c%3F")
        #expect(try rules.job(trackID: "1", filename: "mine.mp3").filename == "mine.mp3")
        for bad in ["", ".", "..", "a\u{1}", String(repeating: "x", count: 65)] {
            #expect { try rules.job(trackID: bad) } throws: { ($0 as? DownloadRuleError)?.field == "track_id" }
        }
    }

    @Test func `tracks are refused without a template, with the setting's name`() {
        #expect { try rules.job(trackID: "1") } throws: { error in
            (error as? DownloadRuleError)?.message.contains("DOWNLOAD__SOURCE_URL") == true
        }
    }

    @Test(arguments: [
        "https://media.example/", "ftp://media.example/{track_id}", "https://{track_id}.example/",
        "http://localhost/{track_id}", "{track_id}", "https://media.example:808{track_id}/",
    ])
    func `a template that cannot work is refused at once`(template: String) {
        #expect { try TrackTemplate(template) } throws: {
            ($0 as? DownloadRuleError)?.field == "source_url"
        }
    }

    @Test func `numbers out of range are refused`() throws {
        #expect { try rules.job(url: "http://h.example/a", maxBytes: 0) } throws: {
            ($0 as? DownloadRuleError)?.field == "max_bytes"
        }
        #expect { try rules.job(url: "http://h.example/a", bytesPerSecond: 1023) } throws: {
            ($0 as? DownloadRuleError)?.field == "bytes_per_second"
        }
        let job = try rules.job(url: "http://h.example/a", maxBytes: 1, bytesPerSecond: 1024)
        #expect(job.maxBytes == 1 && job.bytesPerSecond == 1024)
    }

    @Test func `a UUID has its 36 characters`() {
        #expect(DownloadRequestRules.isUUID("0B3c0a52-8e7e-4d36-9f0f-5a3a1f4b7d11"))
        for text in [
            "", "x", "0b3c0a52-8e7e-4d36-9f0f-5a3a1f4b7d1", "0b3c0a52x8e7e-4d36-9f0f-5a3a1f4b7d11",
            "gb3c0a52-8e7e-4d36-9f0f-5a3a1f4b7d11",
        ] {
            #expect(!DownloadRequestRules.isUUID(text))
        }
    }

    @Test func `a payload has short stable keys and omits absent values`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bare = DownloadJob(url: "http://h.example/a", filename: "a")
        #expect(
            String(decoding: try encoder.encode(bare), as: UTF8.self)
                == #"{"filename":"a","url":"http://h.example/a"}"#)
        let full = DownloadJob(
            source: .track("t"), filename: "f", checksum: "c", maxBytes: 1, bytesPerSecond: 2)
        let text = try encoder.encode(full)
        #expect(
            String(decoding: text, as: UTF8.self)
                == #"{"bytes_per_second":2,"checksum":"c","filename":"f","max_bytes":1,"track_id":"t"}"#)
        #expect(try JSONDecoder().decode(DownloadJob.self, from: text) == full)
        let both = Data(#"{"filename":"f","track_id":"t","url":"http://h.example/t?key=secret"}"#.utf8)
        #expect(try JSONDecoder().decode(DownloadJob.self, from: both).source == .track("t"))
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(DownloadJob.self, from: Data(#"{"filename":"f"}"#.utf8))
        }
        #expect(DownloadJob.name == "download" && DownloadJob.defaults.queue == "downloads")
    }
}
