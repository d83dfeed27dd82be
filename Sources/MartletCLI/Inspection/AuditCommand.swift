// `martlet audit`: whether the store agrees with itself. Talks to Redis, not to a server.

import ArgumentParser
import FoundationEssentials
import MartletQueue

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check that every fact in Redis agrees with every other.",
        discussion: "Reads only, a page at a time, while work goes on. The exit code is 1 when something is wrong.")

    @Option(name: .customLong("queue"), help: "Only this queue; may be given several times.")
    var queues: [String] = []
    @OptionGroup var redis: RedisFlags
    @OptionGroup var config: ConfigFlags
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try ServiceSettings.load(
            [redis], config: config, environment: ProcessInfo.processInfo.environment)
        let names = try queues.map { name in
            guard let name = QueueName(name) else { throw ValidationError("\(name) is no name of a queue.") }
            return name
        }
        let reports = try await StoreSession.withStore(settings.redis) { store in
            var reports: [AuditReport] = []
            for name in names.isEmpty ? try await store.queueNames() : names {
                reports.append(try await store.queue(name).audit())
            }
            return reports
        }
        show(reports)
        let bad = reports.filter { !$0.isClean }
        guard bad.isEmpty else {
            throw CommandFailure(.failed, "not clean: \(bad.map(\.queue.description).joined(separator: ", "))")
        }
    }

    private func show(_ reports: [AuditReport]) {
        guard output.format == .table else { return output.show(reports.map(Self.json), as: ItemView()) }
        let view = ItemView(
            .text("QUEUE", "queue"), .text("CLEAN", "clean"), .number("CHECKED", "checked"),
            .number("LEDGER", "ledger_difference"), .number("REPAIRED", "repaired"))
        output.show(reports.map(Self.json), as: view)
        for report in reports {
            for finding in report.findings { Console.standard.out("\(report.queue)  \(finding)") }
        }
    }

    private static func json(_ report: AuditReport) -> JSON {
        let findings = report.findings.map { finding in
            JSON.object(["subject": .string(finding.subject), "what": .string(finding.what)])
        }
        return .object([
            "queue": .string(report.queue.description), "clean": .bool(report.isClean),
            "checked": .integer(report.checked), "ledger_difference": .integer(report.ledgerDifference),
            "repaired": .integer(report.repaired), "findings": .array(findings),
        ])
    }
}
