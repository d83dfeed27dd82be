// Which figure is measured by what.

extension BenchFigure {
    /// Measures the figure once, for every system.
    func measure(_ session: BenchSession, run: Int) async throws {
        switch self {
        case .bound: try await BoundFigure(session: session, run: run).measure()
        case .push: try await PushFigure(session: session, run: run).measure()
        case .drain: try await DrainFigure(session: session, run: run).measure()
        default: break
        }
    }
}
