// `martlet audit`: checks the consistency of the store. Connects to Redis, not to a server.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletQueue

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check the consistency of all data in Redis.",
        discussion: """
            Reads only, a page at a time, while work goes on. The exit code is 1 when something is wrong.

            --repair shows the repairs, and --repair --yes makes them and checks again. A repair moves a job to a state in \
            which it runs again or can be retried. No repair deletes or completes a job.
            """)

    @Option(
        name: .customLong("queue"), help: "Only this queue; may be given several times.",
        transform: QueueName.init(option:))
    var queues: [QueueName] = []
    @Flag(help: "Show the repairs of the findings.")
    var repair = false
    @Flag(help: "With --repair: apply the repairs.")
    var yes = false
    @OptionGroup var redis: RedisFlags
    @OptionGroup var config: ConfigFlags
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if yes && !repair { throw ValidationError("--yes needs --repair.") }
    }

    func run() async throws {
        let settings = try ServiceSettings.load(
            [redis], config: config, environment: ProcessInfo.processInfo.environment)
        for warning in settings.warnings { Console.standard.note("Warning: \(warning)") }
        let reports = try await StoreSession.withStore(settings.redis) { store in
            var reports: [AuditReport] = []
            for name in queues.isEmpty ? try await store.queueNames() : queues {
                reports.append(try await audited(store.queue(name)))
            }
            return reports
        }
        show(reports)
        let bad = reports.filter { !$0.isClean }
        guard bad.isEmpty else {
            throw CommandFailure(.failed, "not clean: \(bad.map(\.queue.description).joined(separator: ", "))")
        }
    }

    /// The audit of a queue, after repairs if requested.
    private func audited(_ queue: Queue) async throws -> AuditReport {
        let report = try await queue.audit()
        guard repair, !report.isClean else { return report }
        let repairs = try await queue.repair(report, dryRun: !yes)
        for repair in repairs {
            Console.standard.note("\(queue.name)  \(yes ? "" : "would be: ")\(TerminalText.oneLine("\(repair)"))")
        }
        if !yes, !repairs.isEmpty { Console.standard.note("nothing was changed; --repair --yes does it") }
        return yes ? try await queue.audit() : report
    }

    private func show(_ reports: [AuditReport]) {
        guard output.format == .table else { return output.show(reports.map(Self.json), as: ItemView()) }
        let view = ItemView(
            .text("QUEUE", "queue"), .text("CLEAN", "clean"), .number("CHECKED", "checked"),
            .number("LEDGER", "ledger_difference"), .number("REPAIRED", "repaired"))
        output.show(reports.map(Self.json), as: view)
        for report in reports {
            for finding in report.findings {
                Console.standard.out("\(report.queue)  \(TerminalText.oneLine("\(finding)"))")
            }
        }
    }

    private static func json(_ report: AuditReport) -> JSONValue {
        let findings = report.findings.map { finding in
            JSONValue.object(["subject": .string(finding.subject), "what": .string(finding.what)])
        }
        return .object([
            "queue": .string(report.queue.description), "clean": .bool(report.isClean),
            "checked": .integer(report.checked), "ledger_difference": .integer(report.ledgerDifference),
            "repaired": .integer(report.repaired), "findings": .array(findings),
        ])
    }
}
