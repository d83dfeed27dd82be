// Which code measures which figure.

extension BenchFigure {
    /// Measures the figure once, for every system.
    func measure(_ session: BenchSession, run: Int) async throws {
        switch self {
        case .bound: try await BoundFigure(session: session, run: run).measure()
        case .push: try await PushFigure(session: session, run: run).measure()
        case .drain: try await DrainFigure(session: session, run: run).measure()
        case .latency: try await LatencyFigure(session: session, run: run).measureIdle()
        case .half: try await LatencyFigure(session: session, run: run).measureHalf()
        case .rates: try await RatesFigure(session: session, run: run).measure()
        case .scheduled: try await ScheduledFigure(session: session, run: run).measure()
        case .memory: try await MemoryFigure(session: session, run: run).measure()
        case .priorities: try await ScaleFigure(session: session, run: run).measurePriorities()
        case .backlog: try await ScaleFigure(session: session, run: run).measureBacklog()
        case .workers: try await ScaleFigure(session: session, run: run).measureWorkers()
        case .aof: try await ScaleFigure(session: session, run: run).measureAppendOnly()
        case .http: try await HTTPFigure(session: session, run: run).measure()
        case .download: try await DownloadFigure(session: session, run: run).measure()
        case .start: try await StartFigure(session: session, run: run).measure()
        }
    }
}
