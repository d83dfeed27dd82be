// What a request over HTTP costs before it is a job: its route, its body and the rules of downloads.

import MartletDownloads
import MartletHTTP

/// The operations of the HTTP surface and of the rules of downloads.
func requestOperations() throws -> [Operation] {
    let probe = RequestProbe()
    let payload = String(decoding: Samples.payload, as: UTF8.self)
    let body = Array(
        #"{"queue": "mail", "type": "mail.send", "payload": \#(payload), "priority": 5, "tags": ["a"]}"#.utf8)
    let url = "https://files.example.org/music/2026/a%20song.flac?quality=high"
    let rules = DownloadRequestRules()
    return [
        Operation("MartletHTTP", "find a route") { try probe.route(postTo: "/api/v1/jobs") },
        Operation("MartletHTTP", "find a route with an id") { try probe.route(postTo: "/api/v1/jobs/abc/cancel") },
        Operation("MartletHTTP", "read a job from JSON") { try probe.job(body) },
        Operation("MartletHTTP", "digest a JSON body") { try probe.digest(body) },
        Operation("MartletDownloads", "make a download from a URL") { try rules.job(url: url) },
    ]
}
