// The rules of downloads as the command hands them to the HTTP surface.

import Foundation
import MartletDownloads
import MartletHTTP
import MartletJobs
import Testing

@testable import MartletCLI

@Suite struct DownloadRulesTests {
    private func catalog(_ sourceURL: String? = nil) throws -> DownloadCatalog {
        DownloadCatalog(DownloadRequestRules(tracks: try sourceURL.map { try TrackTemplate($0) }))
    }

    private func job(_ payload: [UInt8]) throws -> DownloadJob {
        try JSONDecoder().decode(DownloadJob.self, from: Data(payload))
    }

    @Test func `spellings of one URL are one source, and a track is another`() throws {
        let catalog = try catalog("https://a.example/{track_id}")
        func source(_ request: DownloadRequest) throws -> String { try catalog.plan(request).source }
        let one = try source(DownloadRequest(url: "https://a.example/x", id: .generate()))
        for url in ["HTTPS://A.EXAMPLE:443/x#y", "https://a.example/%78", "https://a.example/b/../x"] {
            #expect(try source(DownloadRequest(url: url, id: .generate())) == one)
        }
        for url in ["http://a.example/x", "https://a.example/X", "https://a.example/x?", "https://a.example:8443/x"] {
            #expect(try source(DownloadRequest(url: url, id: .generate())) != one)
        }
        #expect(try source(DownloadRequest(trackID: "x", id: .generate())) != one)
    }

    @Test func `the choice for a taken name is part of the payload`() throws {
        let catalog = try catalog()
        for conflict in MartletHTTP.NameConflict.allCases {
            let plan = try catalog.plan(
                DownloadRequest(url: "https://a.example/x", onConflict: conflict, id: .generate()))
            #expect(try job(plan.payload).onConflict?.rawValue == conflict.rawValue)
        }
        #expect(
            MartletHTTP.NameConflict.allCases.map(\.rawValue) == MartletDownloads.NameConflict.allCases.map(\.rawValue))
    }

    @Test func `a payload gets another name by the same rules, and keeps the rest`() throws {
        let catalog = try catalog()
        let old = try catalog.plan(
            DownloadRequest(url: "https://a.example/x", maxBytes: 7, onConflict: .error, id: .generate()))
        let new = try job(try #require(try catalog.renamed(old.payload, "y.bin", nil)))
        #expect(new.filename == "y.bin" && new.source == .url("https://a.example/x") && new.maxBytes == 7)
        #expect(new.onConflict == .error)
        #expect(try job(try #require(try catalog.renamed(old.payload, nil, .replace))).onConflict == .replace)
        #expect { try catalog.renamed(old.payload, "../y", nil) } throws: {
            ($0 as? DownloadRefusal)?.field == "filename"
        }
        #expect(try catalog.renamed([0xFF], "y", nil) == nil)
    }

    @Test(arguments: [
        "http://u:SECRET@h/{track_id}", "https://SECRET@h/{track_id}", "http://u:SEC/RET@h/{track_id}?SECRET",
    ])
    func `a password in the source URL is refused and shown nowhere`(url: String) throws {
        do {
            let settings = try ServiceSettings.load(environment: ["DOWNLOAD__SOURCE_URL": url])
            let table = SettingTable.text(settings.origins)
            #expect(!table.contains("SECRET") && !table.contains("SEC/RET"))
            let error = #expect(throws: DownloadRuleError.self) {
                try TrackTemplate(try #require(settings.download.sourceURL))
            }
            #expect(error.map { !"\($0.message)".contains("SEC") } == true)
        } catch {
            #expect("\(error)".contains("without a user name and password") && !"\(error)".contains("SECRET"))
        }
    }

    @Test func `the query of the source URL is shown nowhere`() throws {
        let url = "https://m.example/{track_id}?key=secret"
        let settings = try ServiceSettings.load(environment: ["DOWNLOAD__SOURCE_URL": url])
        #expect(settings.download.sourceURL == url)
        let table = SettingTable.text(settings.origins)
        #expect(table.contains("https://m.example/{track_id}?(hidden)") && !table.contains("secret"))
        let error = #expect(throws: ConfigurationError.self) {
            try ServiceSettings.load(environment: ["DOWNLOAD__SOURCE_URL": "https://m.example/?key=secret"])
        }
        #expect(error.map { "\($0)".contains("DOWNLOAD__SOURCE_URL") && !"\($0)".contains("secret") } == true)
        let catalog = try catalog(url)
        let plan = try catalog.plan(DownloadRequest(trackID: "7", id: .generate()))
        #expect(!String(decoding: plan.payload, as: UTF8.self).contains("secret"))
        let renamed = try #require(try catalog.renamed(plan.payload, "y", nil))
        #expect(try job(renamed).source == .track("7"))
        let facts = try #require(catalog.facts(plan.payload, nil))
        #expect(facts.url == "https://m.example/7" && facts.trackID == "7")
    }
}
