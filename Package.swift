// swift-tools-version: 6.2
// The targets of Martlet and their dependencies. A target depends only on layers below its own (see Architecture).

import PackageDescription

let nio = "swift-nio"

let package = Package(
    name: "martlet",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Martlet", targets: ["Martlet"]),
        .library(name: "MartletMaintenance", targets: ["MartletMaintenance"]),
        .library(name: "MartletTesting", targets: ["MartletTesting"]),
        .executable(name: "martlet", targets: ["MartletCLI"]),
        .executable(name: "martlet-bench", targets: ["MartletBench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        // Without the traits that bring all of Foundation: its data of languages and regions would be half of the program.
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/ordo-one/benchmark.git", from: "1.38.1", traits: []),
    ],
    targets: [
        // Layer 1
        .systemLibrary(name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "MartletJobs",
            dependencies: [.product(name: "Logging", package: "swift-log")]
        ),
        .target(name: "MartletProcess"),
        .target(
            name: "MartletEventLoop",
            dependencies: [
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
            ]
        ),
        .target(name: "MartletJSON", dependencies: ["MartletJobs"]),
        // The files of the dashboard, embedded in the program.
        .target(name: "MartletDashboard", resources: [.embedInCode("Assets")]),
        // What tests of handlers use; no part of a service.
        .target(
            name: "MartletTesting",
            dependencies: ["MartletJobs", .product(name: "Logging", package: "swift-log")]
        ),
        .target(
            name: "MartletTelemetry",
            dependencies: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ]
        ),
        // Layer 2
        .target(name: "MartletGzip", dependencies: ["CZlib"]),
        .target(
            name: "MartletRedis",
            dependencies: [
                "CHiredis", "MartletEventLoop", "MartletProcess",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOTLS", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .target(
            name: "MartletDownloads",
            dependencies: [
                "MartletJobs",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOTLS", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        // Layer 3
        .target(
            name: "MartletQueue",
            dependencies: [
                "MartletRedis", "MartletEventLoop", "MartletJSON", "MartletJobs",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            resources: [.embedInCode("Scripts")]
        ),
        // Layer 4
        .target(
            name: "MartletWorker",
            dependencies: [
                "MartletQueue", "MartletJSON", "MartletJobs", "MartletProcess",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .target(
            name: "MartletChecks",
            dependencies: [
                "MartletQueue", "MartletRedis",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        // The upkeep of queues, for `martlet serve` and for services of others.
        .target(
            name: "MartletMaintenance",
            dependencies: [
                "MartletChecks", "MartletProcess", "MartletQueue",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .target(
            name: "MartletHTTP",
            dependencies: [
                "MartletDashboard", "MartletGzip", "MartletQueue", "MartletEventLoop", "MartletJSON", "MartletJobs",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .executableTarget(
            name: "QueueBenchmarks",
            dependencies: [
                "MartletRedis", "MartletJobs", "MartletQueue", "MartletDownloads", "MartletHTTP",
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Benchmarks/QueueBenchmarks",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
        // What the programs of this package have in common.
        .target(
            name: "MartletCommandSupport",
            dependencies: [
                "MartletChecks", "MartletJSON", "MartletJobs", "MartletProcess", "MartletQueue", "MartletRedis",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]
        ),
        // Layers 5 and 6: what users import, and the command.
        .target(
            name: "Martlet",
            dependencies: [
                "MartletJobs", "MartletQueue", "MartletChecks", "MartletWorker", "MartletRedis",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .executableTarget(
            name: "MartletCLI",
            dependencies: [
                "MartletCommandSupport", "MartletJSON", "MartletRedis", "MartletJobs", "MartletQueue", "MartletChecks",
                "MartletWorker", "MartletDownloads", "MartletMaintenance",
                "MartletHTTP",
                "MartletTelemetry", "MartletProcess",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        // The program that measures, beside the command and not in it.
        .executableTarget(
            name: "MartletBench",
            dependencies: [
                "MartletCommandSupport", "MartletDownloads", "MartletJSON", "MartletJobs", "MartletQueue",
                "MartletRedis",
                "MartletWorker",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        // Tests
        .target(
            name: "FaultInjection",
            dependencies: [.product(name: "NIOCore", package: nio), .product(name: "NIOPosix", package: nio)],
            path: "Tests/FaultInjection"
        ),
        .target(
            name: "TestSupport",
            dependencies: [
                "MartletRedis", "MartletQueue", "MartletJobs", "FaultInjection",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            path: "Tests/TestSupport"
        ),
        .executableTarget(
            name: "MartletSoak",
            dependencies: [
                "MartletRedis", "MartletJobs", "MartletQueue", "MartletWorker", "FaultInjection",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/Soak"
        ),
        // A worker whose handlers do what none should: tests start it and see who survives.
        .executableTarget(
            name: "TestWorker",
            dependencies: [
                "MartletWorker", "MartletQueue", "MartletJobs", "MartletRedis",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TestWorker"
        ),
        // The program that the README shows.
        .executableTarget(name: "GuideProgram", dependencies: ["Martlet"], path: "Tests/GuideProgram"),
        .testTarget(
            name: "MartletGuideTests",
            dependencies: [
                "Martlet", "MartletDownloads", "MartletMaintenance", "MartletRedis", "MartletTesting", "TestSupport",
                "GuideProgram",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .testTarget(
            name: "MartletJobsTests",
            dependencies: ["MartletJobs", "MartletTesting", .product(name: "Logging", package: "swift-log")]
        ),
        .testTarget(
            name: "MartletJSONTests",
            dependencies: ["MartletJSON", "MartletJobs", "MartletCommandSupport", "TestSupport"]
        ),
        .testTarget(
            name: "MartletTelemetryTests",
            dependencies: [
                "MartletTelemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ]
        ),
        .testTarget(
            name: "MartletEventLoopTests",
            dependencies: [
                "MartletEventLoop", "TestSupport",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
            ]
        ),
        .testTarget(
            name: "MartletRedisTests",
            dependencies: [
                "MartletEventLoop", "MartletRedis", "TestSupport", "FaultInjection",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "MartletQueueTests",
            dependencies: [
                "MartletQueue", "MartletJobs", "MartletRedis", "TestSupport", "FaultInjection",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "MartletModelTests",
            dependencies: [
                "MartletQueue", "MartletJobs", "MartletRedis", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "MartletWorkerTests",
            dependencies: [
                "Martlet", "MartletWorker", "MartletQueue", "MartletJobs", "MartletRedis", "MartletTelemetry",
                "MartletProcess", "TestSupport", "TestWorker", "GuideProgram",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .testTarget(
            name: "MartletDownloadsTests",
            dependencies: [
                "MartletDownloads", "MartletJobs",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        .testTarget(
            name: "MartletHTTPTests",
            dependencies: [
                "CZlib", "MartletDashboard", "MartletGzip", "MartletHTTP", "MartletJSON", "MartletQueue", "MartletJobs",
                "MartletRedis", "MartletTelemetry", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        // In a browser: Chromium, spoken to over WebDriver.
        .testTarget(
            name: "MartletDashboardTests",
            dependencies: [
                "MartletCLI", "MartletCommandSupport", "MartletHTTP", "MartletJSON", "MartletJobs", "MartletQueue",
                "MartletRedis", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "MartletSoakTests",
            dependencies: [
                "MartletSoak", "MartletQueue", "MartletJobs", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .testTarget(
            name: "MartletCLITests",
            dependencies: [
                "MartletCLI", "MartletChecks", "MartletCommandSupport", "MartletJSON", "MartletQueue", "MartletJobs",
                "MartletProcess", "MartletRedis", "MartletTelemetry", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        .testTarget(
            name: "MartletMaintenanceTests",
            dependencies: [
                "MartletMaintenance", "MartletJobs", "MartletQueue", "MartletRedis", "MartletTelemetry", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "MartletBenchTests",
            dependencies: [
                "MartletBench", "MartletCLI", "MartletCommandSupport", "MartletJSON", "MartletJobs", "MartletQueue",
                "MartletRedis", "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// Only for scripts/fuzz, which sets the path of libFuzzer. The command is then built as a library, because a program has
// one main function, and Martlet's targets are built with coverage for the fuzzer.
if let libFuzzer = Context.environment["MARTLET_LIBFUZZER"] {
    package.products.removeAll { $0.name == "martlet" }
    package.targets = package.targets.map { target in
        guard target.name == "MartletCLI" else { return target }
        let noMain = ["-Xfrontend", "-entry-point-function-name", "-Xfrontend", "martlet_main"]
        return .target(
            name: target.name, dependencies: target.dependencies, swiftSettings: [.unsafeFlags(noMain)])
    }
    let fuzzed = package.targets.filter { $0.type == .regular && $0.name.hasPrefix("Martlet") && $0.name != "Martlet" }
    package.targets.append(
        .executableTarget(
            name: "MartletFuzz",
            dependencies: fuzzed.map { .target(name: $0.name) } + [
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: nio),
                .product(name: "NIOHTTP1", package: nio),
            ],
            path: "Tests/Fuzz", exclude: ["Seeds"],
            linkerSettings: [
                .unsafeFlags(["-sanitize=address", "-use-ld=lld", libFuzzer, "-lstdc++"])
            ]))
    for target in fuzzed + package.targets.suffix(1) {
        let watched = ["-O", "-sanitize=fuzzer,address"]
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(watched)]
    }
}

// The snippets of guides are compiled with Swift's default settings, as in a reader's package.
let shownToReaders: Set = ["GuideProgram", "MartletGuideTests"]
// One dialect in every other target (Swift Evolution 335, 409, 444, 470 and 461).
for target in package.targets where target.type != .system && !shownToReaders.contains(target.name) {
    var settings = target.swiftSettings ?? []
    settings += [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .treatAllWarnings(as: .error),
    ]
    // Only these may use unsafe memory, and they mark each use.
    if ["MartletEventLoop", "MartletGzip", "MartletRedis"].contains(target.name) {
        settings.append(.strictMemorySafety())
    }
    target.swiftSettings = settings
}
