// `martlet download add`: adds downloads by URLs or track ids.

import ArgumentParser
import MartletCommandSupport
import MartletDownloads
import MartletHTTP
import MartletJSON

extension DownloadCommand {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add downloads.",
            discussion: "Several are added in one step: all of them or, when one is refused, none.")

        @Argument(help: "URLs; with --track ids of tracks.")
        var sources: [String] = []
        @Option(name: .customLong("from"), help: "File with one URL (or track id) a line; - is standard input.")
        var list: String?
        @Flag(help: "The sources are ids of tracks.")
        var track = false
        @Option(help: "Name of the file; for a single download.")
        var filename: String?
        @Option(
            parsing: .unconditional, help: "From -1000 to 1000; a larger number runs first.",
            transform: ValueRule.priority.integer)
        var priority: Int?
        @Option(help: "Expected digest, as sha256:…; for a single download.")
        var checksum: String?
        @Option(
            help: ArgumentHelp("Size above which it is refused, such as 500MiB.", valueName: "size"),
            transform: ValueRule.maxBytes.size)
        var maxBytes: ByteCount?
        @Option(
            help: ArgumentHelp("Delay before it may start, such as 90 or 5m.", valueName: "time"),
            transform: ValueRule.delay.time)
        var delay: TimeSpan?
        @Option(
            help: ArgumentHelp("The longest time of one attempt, such as 90 or 5m.", valueName: "time"),
            transform: ValueRule.downloadTimeout.time)
        var timeout: TimeSpan?
        @Option(
            parsing: .unconditional, help: "Retries after the first attempt.",
            transform: ValueRule.maxRetries.integer)
        var maxRetries: Int?
        @Option(help: "What to do when another file has the name: rename, error or replace.")
        var onConflict: TakenName?
        @Option(
            help: "Idempotency key: a repeated command with the same key returns the first downloads.",
            transform: ValueRule.idempotencyKey.text)
        var idempotencyKey: String?
        @Flag(help: "Add nothing while an equal download that was added with --unique waits or runs.")
        var unique = false
        @Option(
            help: "What to wait for before they count as added: memory, fsync or replicated.",
            transform: ValueRule.durability.text)
        var durability: String?
        @Flag(help: "Wait until all of them have finished.")
        var wait = false
        @OptionGroup var waiting: WaitOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws { for source in sources { try check(source, of: "<sources>") } }

        func run() async throws {
            let listed = try list.map(Self.lines) ?? []
            for source in listed { try check(source, of: "--from <list>") }
            let sources = sources + listed
            guard !sources.isEmpty else { throw ValidationError("Name a URL, or a file of them with --from.") }
            if sources.count > 1, filename != nil || checksum != nil {
                throw ValidationError("--filename and --checksum are for a single download.")
            }
            try await client.withClient { client in
                let ids = try await add(sources, client)
                guard wait else { return }
                WaitReport(output.format).begin(ids)
                try await DownloadWait(ids: ids, within: waiting.limit).run(client, output)
            }
        }

        /// Refuses what no server takes: addresses and tracks are judged by the server's own settings.
        private func check(_ source: String, of place: String) throws {
            do throws(DownloadRuleError) {
                let rules = DownloadRequestRules(
                    allowPrivateAddresses: true, tracks: try TrackTemplate("https://tracks.example/{track_id}"))
                if track {
                    _ = try rules.job(trackID: source, filename: filename, checksum: checksum)
                } else {
                    _ = try rules.job(url: source, filename: filename, checksum: checksum)
                }
            } catch {
                let (value, option) =
                    switch error.field {
                    case "filename": (filename ?? "", "--filename <filename>")
                    case "checksum": (checksum ?? "", "--checksum <checksum>")
                    default: (source, place)
                    }
                throw ValidationError("The value '\(value)' is invalid for '\(option)': \(error.message)")
            }
        }

        /// Adds and shows the downloads; returns their ids.
        private func add(_ sources: [String], _ client: APIClient) async throws -> [String] {
            if sources.count == 1 {
                let download = try await client.post(
                    "/api/downloads", body: item(sources[0]).adding("durability", durability.map(JSONValue.string)),
                    key: idempotencyKey)
                EnqueueCommand.noteUnconfirmed(download)
                if !wait { output.show(download, first: DownloadCommand.order) }
                return [download["id"].string].compactMap(\.self)
            }
            let answer = try await client.post(
                "/api/downloads/batch", body: batch(sources).adding("durability", durability.map(JSONValue.string)),
                key: idempotencyKey)
            EnqueueCommand.noteUnconfirmed(answer)
            let ids = (answer["job_ids"].array ?? []).compactMap(\.string)
            if !wait {
                output.show(ids.map { .object(["id": .string($0)]) }, as: ItemView(.text("ID", "id")))
            }
            return ids
        }

        private func batch(_ sources: [String]) -> JSONValue {
            let isPlain =
                maxBytes == nil && delay == nil && timeout == nil && maxRetries == nil && onConflict == nil && !unique
            if track && isPlain {
                return .fields([
                    "track_ids": .array(sources.map(JSONValue.string)), "priority": priority.map(JSONValue.integer),
                ])
            }
            return .object(["downloads": .array(sources.map(item))])
        }

        private func item(_ source: String) -> JSONValue {
            .fields([
                track ? "track_id" : "url": .string(source), "filename": filename.map(JSONValue.string),
                "priority": priority.map(JSONValue.integer), "checksum": checksum.map(JSONValue.string),
                "max_bytes": maxBytes?.json, "delay_seconds": delay?.json,
                "timeout_seconds": timeout?.json, "on_conflict": onConflict?.json,
                "max_retries": maxRetries.map(JSONValue.integer), "unique": unique ? true : nil,
            ])
        }

        /// The non-empty lines of a file, without comments.
        private static func lines(_ path: String) throws -> [String] {
            String(decoding: try InputFile.read(path), as: UTF8.self).split(whereSeparator: \.isNewline)
                .map { $0.trimmingPrefix { $0.isWhitespace } }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
                .map { String($0.prefix { !$0.isWhitespace }) }
        }
    }
}
