// What a push costs before it reaches the wire: ids, digests and waits, in instructions for each operation.

import Benchmark
import MartletJobs
import MartletQueue

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.instructions, .wallClock, .throughput], scalingFactor: .kilo, maxDuration: .seconds(2))

    Benchmark("generate an id") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(JobID.generate()) }
    }

    Benchmark("read an id") { benchmark in
        let text = JobID.generate().description
        for _ in benchmark.scaledIterations { blackHole(JobID(text)) }
    }

    Benchmark("digest a request of 200 bytes") { benchmark in
        let job = NewJob(type: "mail", payload: Array(repeating: 120, count: 200))
        for _ in benchmark.scaledIterations { blackHole(job.requestDigest()) }
    }

    Benchmark("choose the wait before a retry") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(RetryPolicy.standard.delay(afterFailure: 3)) }
    }
}
