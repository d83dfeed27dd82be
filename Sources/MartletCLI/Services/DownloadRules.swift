// Gives the HTTP surface the rules of downloads, which know nothing of each other.

import FoundationEssentials
import MartletDownloads
import MartletHTTP

extension DownloadCatalog {
    /// The catalog of the built-in download job.
    init(_ rules: DownloadRequestRules) {
        self.init(
            type: DownloadJob.name,
            payload: { request throws(DownloadRefusal) in try Self.payload(request, rules) },
            facts: { payload, output in Self.facts(payload, output) })
    }

    private static func payload(
        _ request: DownloadRequest, _ rules: DownloadRequestRules
    ) throws(DownloadRefusal) -> [UInt8] {
        let (limit, speed) = (request.maxBytes.map { Int64($0) }, request.bytesPerSecond.map { Int64($0) })
        do throws(DownloadRuleError) {
            let job =
                if let track = request.trackID {
                    try rules.job(
                        trackID: track, filename: request.filename, checksum: request.checksum, maxBytes: limit,
                        bytesPerSecond: speed)
                } else {
                    try rules.job(
                        url: request.url ?? "", filename: request.filename, checksum: request.checksum,
                        maxBytes: limit, bytesPerSecond: speed)
                }
            return job.payload
        } catch {
            throw DownloadRefusal(field: error.field, detail: error.message)
        }
    }

    private static func facts(_ payload: [UInt8], _ output: [UInt8]?) -> DownloadFacts? {
        let decoder = JSONDecoder()
        guard let job = try? decoder.decode(DownloadJob.self, from: Data(payload)) else { return nil }
        let result = output.flatMap { try? decoder.decode(DownloadResult.self, from: Data($0)) }
        return DownloadFacts(
            url: job.url, filename: result?.filename ?? job.filename, trackID: job.trackID,
            checksum: result.map { "sha256:" + $0.sha256 } ?? job.checksum,
            totalBytes: result.map { Int($0.bytes) })
    }
}
