// How long a worker process takes from its start to the start of its first job.

/// The start of worker processes while a job waits.
struct StartFigure: Sendable {
    let session: BenchSession
    let run: Int

    func measure() async throws {
        let times = session.options.isQuick ? 2 : 7
        for system in session.options.systems {
            try await session.measure(.start, "worker", system.name, run) {
                let samples = try await BenchEnvironment.with(system, given: session.options.redisURL) { stage in
                    var delays: [Double] = []
                    for number in 1...times { delays.append(try await start(stage, number)) }
                    return Samples(delays)
                }
                var metrics = samples.milliseconds
                metrics[.milliseconds] = metrics[.p50]
                metrics[.jobs] = Double(times)
                return metrics
            }
        }
    }

    /// Seconds from the start of a process to that of its first handler.
    private func start(_ stage: BenchEnvironment, _ number: Int) async throws -> Double {
        _ = try await stage.push(PushOrder(mode: .single, jobs: 1))
        let begin = BenchClock.now
        // Unprepared: the queue's settings are not changed before the work begins.
        let crew = try stage.work(WorkOrder(concurrency: 100, keep: true))
        do { try await crew.wait(for: number) } catch {
            await crew.stop()
            throw error
        }
        guard let last = try await crew.finish(number).last else { return 0 }
        return last.started - begin
    }
}
