// The program `martlet-bench`: measures unless told to report.

import ArgumentParser
import MartletCommandSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@main
struct Entry {
    static func main() async { exit(await ProgramRun.run(BenchProgram.self)) }
}

/// The root of its commands.
struct BenchProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-bench",
        abstract: "Measure throughput, latency, memory and cost of Martlet, and compare them with the limits of Redis.",
        discussion: "\"martlet-bench drain push\" is short for \"martlet-bench run drain push\".",
        subcommands: [BenchRunCommand.self, BenchReportCommand.self, BenchTargetCommand.self],
        defaultSubcommand: BenchRunCommand.self)
}
