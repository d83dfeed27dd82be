// Connects the HTTP API with the rules of downloads.

import FoundationEssentials
import MartletDownloads
import MartletHTTP

extension DownloadCatalog {
    /// Creates the catalog of the built-in download job.
    init(_ rules: DownloadRequestRules) {
        self.init(
            type: DownloadJob.name,
            plan: { request throws(DownloadRefusal) in try Self.plan(request, rules) },
            numbered: DownloadRequestRules.numbered,
            renamed: { payload, filename, onConflict throws(DownloadRefusal) in
                try Self.renamed(payload, filename, onConflict)
            },
            facts: { payload, output in Self.facts(payload, output, rules) })
    }

    private static func plan(
        _ request: DownloadRequest, _ rules: DownloadRequestRules
    ) throws(DownloadRefusal) -> DownloadPlan {
        let (limit, speed) = (request.maxBytes.map { Int64($0) }, request.bytesPerSecond.map { Int64($0) })
        let conflict = request.onConflict.flatMap { MartletDownloads.NameConflict(rawValue: $0.rawValue) }
        do throws(DownloadRuleError) {
            if let track = request.trackID {
                let job = try rules.job(
                    trackID: track, filename: request.filename, checksum: request.checksum, maxBytes: limit,
                    bytesPerSecond: speed, onConflict: conflict)
                return DownloadPlan(payload: job.payload, filename: job.filename, source: "track:" + track)
            }
            let url = request.url ?? ""
            let job = try rules.job(
                url: url, filename: request.filename, checksum: request.checksum, maxBytes: limit,
                bytesPerSecond: speed, onConflict: conflict)
            return DownloadPlan(
                payload: job.payload, filename: job.filename, source: "url:" + (try rules.identity(ofURL: url)))
        } catch {
            throw DownloadRefusal(error)
        }
    }

    private static func renamed(
        _ payload: [UInt8], _ filename: String?, _ onConflict: MartletHTTP.NameConflict?
    ) throws(DownloadRefusal) -> [UInt8]? {
        guard var job = try? JSONDecoder().decode(DownloadJob.self, from: Data(payload)) else { return nil }
        if let filename {
            do throws(DownloadRuleError) { job.filename = try DownloadRequestRules.filename(filename) } catch {
                throw DownloadRefusal(error)
            }
        }
        if let onConflict { job.onConflict = MartletDownloads.NameConflict(rawValue: onConflict.rawValue) }
        return job.payload
    }

    private static func facts(
        _ payload: [UInt8], _ output: [UInt8]?, _ rules: DownloadRequestRules
    ) -> DownloadFacts? {
        let decoder = JSONDecoder()
        guard let job = try? decoder.decode(DownloadJob.self, from: Data(payload)) else { return nil }
        let result = output.flatMap { try? decoder.decode(DownloadResult.self, from: Data($0)) }
        var trackID: String?
        if case .track(let id) = job.source { trackID = id }
        return DownloadFacts(
            url: rules.shownURL(of: job.source), filename: result?.filename ?? job.filename, trackID: trackID,
            checksum: result.map { "sha256:" + $0.sha256 } ?? job.checksum,
            totalBytes: result.map { Int($0.bytes) })
    }
}

extension DownloadRefusal {
    fileprivate init(_ error: DownloadRuleError) { self.init(field: error.field, detail: error.message) }
}
