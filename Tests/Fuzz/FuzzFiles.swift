// Fuzzes what becomes of names from outside: they stay in their directory, and a job's text can be read back.

import FoundationEssentials
import MartletJobs

@testable import MartletDownloads

private let tracks = try? TrackTemplate("https://a.example/{track_id}/file?x={track_id}")
private let rules = DownloadRequestRules(tracks: tracks)

/// Lines: a URL, a file name, a track's id, a checksum, a token, a name of a part, a checkpoint.
func fuzzFiles(_ input: Input) {
    var input = input
    let (url, name, track) = (input.words(), input.words(), input.words())
    let (checksum, token, part) = (input.words(), input.words(), input.words())
    if let checked = try? FileNames.checked(name) { checkName(checked) }
    if let job = try? rules.job(url: url, checksum: checksum) { checkJob(job) }
    if let job = try? rules.job(url: "https://a.example/x", filename: name) { checkJob(job) }
    if let job = try? rules.job(trackID: track) {
        checkJob(job)
        checkTrack(job, track)
    }
    if let id = JobID(track), let name = try? FileNames.checked(name) { checkPart(name, id, token) }
    for id in PartName.candidates(in: part) {
        check(PartName.isPart(part, of: id.description), "\(part) is of \(id) and is not")
        let isFile = part.utf8.first == UInt8(ascii: ".") && !part.utf8.contains(UInt8(ascii: "/"))
        check(isFile && part.utf8.count <= 255, "\(part) leads elsewhere")
    }
    checkpoint(Data(input.rest), id: track)
}

private func checkName(_ name: String) {
    check((1...90).contains(name.utf8.count), "\(name.utf8.count) bytes")
    // By bytes, as file systems see it: a dot with an accent is another character and the same dot.
    check(name.utf8.first != UInt8(ascii: "."), "\(name) is hidden")
    check(!name.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "a control character in \(name)")
    check(!name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }, "\(name) leads elsewhere")
    let again = try? FileNames.checked(name)
    check(again.map { Array($0.utf8) } == Array(name.utf8), "\(name) is refused or changed at the second look")
}

private func checkJob(_ job: DownloadJob) {
    checkName(job.filename)
    let back = try? JSONDecoder().decode(DownloadJob.self, from: Data(job.payload))
    check(back == job && back?.payload == job.payload, "\(job) became \(String(describing: back))")
    if let sum = job.checksum { check((try? DownloadRequestRules.checksum(sum)) == sum, "the checksum \(sum)") }
    if case .url(let url) = job.source { check((try? rules.url(url)) == url, "the URL \(url) has another normal form") }
}

/// A track's id chooses neither the host nor a path beside its own.
private func checkTrack(_ job: DownloadJob, _ track: String) {
    let url = (try? rules.url(of: job.source)) ?? ""
    let path = url.dropFirst("https://a.example/".count).prefix { $0 != "?" }
    check(url.hasPrefix("https://a.example/"), "\(track) leads to \(url)")
    check(path.utf8.count { $0 == UInt8(ascii: "/") } == 1 && path.hasSuffix("/file"), "\(track) leads to \(url)")
}

private func checkPart(_ name: String, _ id: JobID, _ token: String) {
    let part = PartName.make(filename: name, id: id, token: token)
    check(!part.utf8.contains(UInt8(ascii: "/")), "\(part) leads elsewhere")
    // A claim's number has at most 19 digits; what is longer no script has made.
    let claims = token.utf8.prefix { $0 != UInt8(ascii: ":") }
    guard claims.count <= 19 else { return }
    check(PartName.isPart(part, of: id.description), "\(part) is not found again for \(id)")
}

private func checkpoint(_ data: Data, id: String) {
    guard let checkpoint = try? JSONDecoder().decode(DownloadCheckpoint.self, from: data) else { return }
    if case .resume(let part) = AttemptStart(
        checkpoint: checkpoint, target: .absent, job: DownloadJob(url: "http://h.example/a", filename: "a"), id: id)
    {
        let isPart = PartName.isPart(part, of: id) && !part.utf8.contains(UInt8(ascii: "/"))
        check(isPart, "\(part) is taken for a part of \(id)")
    }
    let held = PartContents(count: checkpoint.offset, sum: checkpoint.sum ?? "")
    if case .rest(let start, let ifRange) = Request(checkpoint: checkpoint, held: held) {
        check(start > 0 && !ifRange.isEmpty, "the rest from \(start) if \(ifRange)")
    }
}
