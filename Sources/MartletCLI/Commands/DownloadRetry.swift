// `martlet download retry`: runs failed or cancelled downloads again, one of them optionally under another name.

import ArgumentParser
import MartletCommandSupport
import MartletDownloads
import MartletJSON

/// What to do when another file has the name.
enum TakenName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case rename, error, replace

    /// The value for the server.
    var json: JSONValue { .string(rawValue) }
}

extension DownloadCommand {
    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run failed or cancelled downloads again; a single one may get another name.")

        @Option(help: "Another name for the file; for a single download.", transform: filename)
        var filename: String?
        @Option(help: "What to do when the name is taken: rename, error or replace; for a single download.")
        var onConflict: TakenName?
        @OptionGroup var batch: DownloadBatch

        /// A name that the rules of downloads allow.
        private static func filename(_ text: String) throws -> String {
            do throws(DownloadRuleError) { _ = try DownloadRequestRules.filename(text) } catch {
                throw ValidationError(error.message)
            }
            return text
        }

        private var changesName: Bool { filename != nil || onConflict != nil }

        func validate() throws {
            guard batch.ids.count > 1, changesName else { return }
            throw ValidationError("--filename and --on-conflict are for a single download.")
        }

        func run() async throws {
            guard changesName else { return try await batch.act("retry") }
            let path = "/api/downloads/\(APIClient.escaped(batch.ids[0]))/retry"
            let body = JSONValue.fields(["filename": filename.map(JSONValue.string), "on_conflict": onConflict?.json])
            let answer = try await batch.client.withClient { try await $0.post(path, body: body) }
            batch.output.show(answer, first: ["download_id", "status", "message"])
        }
    }
}
