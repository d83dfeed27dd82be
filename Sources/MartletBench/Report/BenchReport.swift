// All results that a report is made of: reading them, and finding values in them.

import FoundationEssentials
import MartletCommandSupport

/// Where the results were measured; one line of a results file.
struct BenchAbout: Codable, Sendable, Equatable {
    /// The day: `2026-11-22`.
    var date: String?
    /// The machine in a few words: `2 cores of AMD EPYC, 24 GiB of memory`.
    var machine: String?
    /// The operating system, Redis and compiler: `Debian 12, Redis 7.0.15, Swift 6.3.1`.
    var software: String?
    /// The versions of peers by their names.
    var peers: [String: String]?

    /// Returns a copy with the fields that `later` sets.
    func updated(with later: BenchAbout) -> BenchAbout {
        BenchAbout(
            date: later.date ?? date, machine: later.machine ?? machine, software: later.software ?? software,
            peers: (peers ?? [:]).merging(later.peers ?? [:]) { $1 })
    }
}

/// The results of one or of several calls of the benchmark.
struct BenchReport: Sendable {
    private(set) var about = BenchAbout()
    private(set) var results: [BenchResult] = []
    private(set) var summaries: [BenchSummary] = []

    private struct AboutLine: Codable { var about: BenchAbout }

    /// Reads files, given with their names.
    init(_ files: [(name: String, text: String)]) throws {
        let decoder = JSONDecoder()
        for file in files {
            for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                guard line.contains(where: { !$0.isWhitespace }) else { continue }
                let data = Data(line.utf8)
                if let found = try? decoder.decode(AboutLine.self, from: data) {
                    about = about.updated(with: found.about)
                } else if let result = try? decoder.decode(BenchResult.self, from: data) {
                    results.append(result)
                } else {
                    throw CommandFailure(.usage, "\(file.name), line \(index + 1) is no result of \"martlet-bench\"")
                }
            }
        }
        guard !results.isEmpty else { throw CommandFailure(.usage, "there are no results to report") }
        summaries = BenchSummary.of(results)
    }

    /// One value over all runs; `nil` when it was not measured.
    func spread(_ figure: BenchFigure, _ variant: String, _ metric: BenchMetric, of system: String) -> BenchSpread? {
        summaries.first { $0.figure == figure.rawValue && $0.variant == variant && $0.system == system }?[metric]
    }

    /// The same as ``spread(_:_:_:of:)`` for what a value names.
    func spread(_ value: BenchValue, of system: String = BenchSystem.own) -> BenchSpread? {
        spread(value.figure, value.variant, value.metric, of: system)
    }

    /// A value of Martlet's over another of the same run, wherever both were measured.
    func ratio(_ value: BenchValue, to other: BenchValue, of system: String) -> BenchSpread? {
        let dividends = values(value, of: BenchSystem.own)
        let divisors = values(other, of: system)
        let ratios = dividends.compactMap { run, dividend in
            divisors[run].flatMap { $0 > 0 ? dividend / $0 : nil }
        }
        return BenchSpread(ratios)
    }

    private func values(_ value: BenchValue, of system: String) -> [Int: Double] {
        var found: [Int: Double] = [:]
        for result in results
        where result.figure == value.figure.rawValue && result.variant == value.variant && result.system == system {
            found[result.run] = result[value.metric]
        }
        return found
    }

    /// The peers, the fastest at running jobs first, without programs that only download.
    var peers: [String] {
        var names: [String] = []
        for result in results where ![BenchSystem.own, BoundFigure.system].contains(result.system) {
            guard result.figure != BenchFigure.download.rawValue, result.error == nil else { continue }
            if !names.contains(result.system) { names.append(result.system) }
        }
        return names.sorted { rate($0) > rate($1) }
    }

    private func rate(_ system: String) -> Double {
        let drains = summaries.filter { $0.figure == BenchFigure.drain.rawValue && $0.system == system }
        return drains.compactMap { $0[.jobsPerSecond]?.median }.max() ?? 0
    }

    /// The best of the peers in a value, and which it is.
    func best(_ value: BenchValue) -> (peer: String, median: Double)? {
        let found = peers.compactMap { peer in
            spread(value, of: peer).map { (peer: peer, median: $0.median) }
        }
        return value.metric.isBetterWhenLarger
            ? found.max { $0.median < $1.median } : found.min { $0.median < $1.median }
    }

    /// How many runs Martlet has at most.
    var runs: Int { summaries.filter { $0.system == BenchSystem.own }.map(\.runs).max() ?? 0 }
}

/// Where a value is among the results of a system.
struct BenchValue: Sendable, Hashable {
    var figure: BenchFigure
    var variant: String
    var metric: BenchMetric

    init(_ figure: BenchFigure, _ variant: String, _ metric: BenchMetric) {
        (self.figure, self.variant, self.metric) = (figure, variant, metric)
    }
}
