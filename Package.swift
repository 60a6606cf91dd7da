// swift-tools-version:6.2
import PackageDescription

/// One set of rules for every target of ours: language mode 6, no implicit existential or import, warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")

/// A room under `Sources/`, in the order of `docs/architecture.md`: it may depend only on rooms listed before it.
func room(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    migrations: Bool = false,
    templates: Bool = false
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        resources: (migrations ? [.embedInCode("Migrations")] : []) + (templates ? [.embedInCode("Templates")] : []),
        swiftSettings: strict
    )
}

/// A job module under `Jobs/`.
func job(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Jobs/\(name)", swiftSettings: strict)
}

/// The tests of a room, in the folder of the room's name under `Tests/`.
func tests(of name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)", swiftSettings: strict)
}

let package = Package(
    name: "bursar",
    products: [.executable(name: "bursar", targets: ["bursar"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .target(name: "CKeeper"),
        room("CivilTime"),
        room("Monetary"),
        room("KHQR", ["COpenSSL", "CQREncode", "CivilTime", "Monetary"]),
        room("SocketLoop", ["CLinux"]),
        room("Postgres", ["CLibpq", "CLinux", "COpenSSL", "CivilTime", "SocketLoop", logging, subprocess]),
        room("Outbound", ["CCurl"]),
        room("Programs", ["CKeeper", subprocess, systemPackage]),
        room("Schedules", ["COpenSSL", "CivilTime", yams]),
        room("JobKit", ["CivilTime", "Monetary", "Postgres", "Schedules", logging]),
        room(
            "Engine",
            ["CivilTime", "Monetary", "Postgres", "SocketLoop", "Schedules", "JobKit", logging, metrics, lifecycle],
            migrations: true
        ),
        room("Events", ["CivilTime", "Postgres"], migrations: true),
        room("Tenancy", ["CivilTime", "Postgres", "Events"], migrations: true),
        room(
            "Billing",
            ["CivilTime", "Monetary", "Postgres", "JobKit", "Events", "Tenancy", logging],
            migrations: true
        ),
        room(
            "Payments",
            [
                "COpenSSL", "CivilTime", "Monetary", "KHQR", "Postgres", "Outbound", "JobKit", "Engine", "Events",
                "Tenancy",
                "Billing",
                logging, metrics, yams,
            ],
            migrations: true
        ),
        room(
            "Webhooks",
            [
                "COpenSSL", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Schedules", "JobKit", "Events",
                "Tenancy",
                "Payments", logging, metrics, yams,
            ],
            migrations: true
        ),
        room(
            "Notices",
            [
                "COpenSSL", "CivilTime", "Monetary", "KHQR", "Postgres", "Outbound", "Programs", "Schedules", "JobKit",
                "Engine", "Events", "Tenancy", "Billing", "Payments", "Webhooks", logging, metrics, mustache, yams,
            ],
            migrations: true,
            templates: true
        ),
        room(
            "Standing",
            [
                "CivilTime", "Monetary", "Postgres", "JobKit", "Engine", "Events", "Tenancy", "Billing", "Payments",
                "Notices", logging,
            ],
            migrations: true
        ),
        room(
            "Custody",
            [
                "CLinux", "COpenSSL", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Programs", "Schedules",
                "JobKit", "Engine",
                "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices", "Standing", logging, metrics, yams,
            ],
            migrations: true
        ),
        room("Telemetry", [logging, metrics, coreMetrics]),
        room(
            "Listener",
            ["CLinux", "Telemetry", hummingbird, nioCore, nioHTTP1, nioPosix, logging, metrics, lifecycle]
        ),
        job("Renewals", ["CivilTime", "Monetary", "Schedules", "JobKit", "Billing"]),
        job("Scanner", ["JobKit", "Schedules"]),
        job("Command", ["CivilTime", "Programs", "Schedules", "JobKit", logging]),
        job("CallbackVerification", ["CivilTime", "JobKit", "Payments", "Webhooks", "Schedules"]),
        job("BakongReconciliation", ["JobKit", "Payments", "Schedules"]),
        job("Dunning", ["CivilTime", "JobKit", "Monetary", "Notices", "Schedules"]),
        job("NoticeDelivery", ["CivilTime", "JobKit", "Notices", "Schedules"]),
        job("Suspensions", ["CivilTime", "Monetary", "JobKit", "Standing", "Schedules", logging]),
        job("RetentionPurge", ["CivilTime", "Custody", "JobKit", "Monetary", "Schedules", logging]),
        job("Backup", ["Custody", "JobKit", "Schedules"]),
        job("BackupVerification", ["CivilTime", "Billing", "Custody", "JobKit", "Schedules"]),
        job("Trial", ["JobKit", "Schedules"]),
        .executableTarget(
            name: "bursar",
            dependencies: [
                "CLinux", "COpenSSL", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Outbound", "Programs",
                "Schedules", "JobKit", "Engine",
                "KHQR", "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices", "Standing", "Custody",
                "RetentionPurge", "Backup", "BackupVerification", "Telemetry",
                "Listener", "Renewals", "CallbackVerification", "BakongReconciliation", "Dunning", "NoticeDelivery",
                "Suspensions",
                "Scanner", "Command", "Trial",
                argumentParser, configuration, hummingbird, logging, metrics, lifecycle, nioCore, unixSignals, yams,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "CivilTime", "Postgres", "SocketLoop", logging, subprocess, systemPackage],
            path: "Tests/Support",
            swiftSettings: strict
        ),
        tests(of: "CivilTime", ["CivilTime"]),
        tests(of: "Monetary", ["Monetary"]),
        tests(of: "KHQR", ["KHQR", "CivilTime", "Monetary"]),
        tests(of: "SocketLoop", ["CLinux", "SocketLoop"]),
        tests(
            of: "Postgres",
            [
                "CLinux", "CivilTime", "SocketLoop", "Postgres", "TestSupport", logging, subprocess, systemPackage,
            ]
        ),
        tests(
            of: "Outbound",
            ["TestSupport", "CLinux", "COpenSSL", "Outbound", "bursar", logging, subprocess, systemPackage]
        ),
        tests(of: "Programs", ["Programs", "TestSupport"]),
        tests(of: "Schedules", ["Schedules", "CivilTime"]),
        tests(of: "Telemetry", ["Telemetry", logging, metrics, coreMetrics]),
        tests(
            of: "Listener",
            ["CLinux", "Listener", "Outbound", "Telemetry", logging, metrics, coreMetrics, lifecycle]
        ),
        tests(
            of: "bursar",
            [
                "bursar", "CivilTime", "SocketLoop", "Engine", "Listener", "Outbound", "Postgres", "Schedules",
                "Webhooks",
                "Notices", logging,
            ]
        ),
        tests(
            of: "Engine",
            [
                "TestSupport", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Schedules", "JobKit", "Engine",
                "Tenancy", "Scanner", logging,
                lifecycle,
            ]
        ),
        tests(
            of: "Tenancy",
            [
                "TestSupport", "CivilTime", "Postgres", "Engine", "Events", "Tenancy", "Billing", "Payments",
                "Webhooks",
                "Notices", "Standing", "Custody",
            ]
        ),
        tests(
            of: "Billing",
            [
                "TestSupport", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Schedules", "JobKit", "Engine",
                "Events", "Tenancy",
                "Billing", "Renewals", logging, subprocess, systemPackage,
            ]
        ),
        tests(
            of: "Payments",
            [
                "TestSupport", "CivilTime", "Monetary", "KHQR", "SocketLoop", "Postgres", "Outbound", "Schedules",
                "JobKit",
                "Engine", "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Renewals", "CallbackVerification",
                "BakongReconciliation",
                "bursar", hummingbird, nioCore, lifecycle, logging,
            ]
        ),
        tests(
            of: "Webhooks",
            [
                "TestSupport", "COpenSSL", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Schedules", "JobKit",
                "Engine", "Events",
                "Tenancy", "Billing", "Payments", "Webhooks", logging,
            ]
        ),
        tests(
            of: "Notices",
            [
                "TestSupport", "COpenSSL", "CivilTime", "Monetary", "KHQR", "SocketLoop", "Postgres", "Outbound",
                "Schedules", "JobKit", "Engine", "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices",
                "Renewals", "BakongReconciliation", "Dunning", "NoticeDelivery", "bursar", hummingbird, nioCore,
                lifecycle, logging, subprocess,
                systemPackage,
            ]
        ),
        tests(
            of: "Custody",
            [
                "TestSupport", "CLinux", "COpenSSL", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Programs",
                "Schedules", "JobKit", "Engine", "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices",
                "Standing", "Custody", "Renewals", "RetentionPurge", "Backup", "BackupVerification", "bursar", logging,
                subprocess, systemPackage,
            ]
        ),
        tests(
            of: "Standing",
            [
                "TestSupport", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Schedules", "JobKit", "Engine",
                "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices", "Standing", "Renewals",
                "BakongReconciliation", "Suspensions", "bursar", logging,
            ]
        ),
        tests(
            of: "EndToEnd",
            [
                "TestSupport", "COpenSSL", "CivilTime", "Monetary", "SocketLoop", "Postgres", "Outbound", "Schedules",
                "JobKit", "Engine", "Events",
                "Tenancy", "Billing", "KHQR", "Payments", "Webhooks", "Notices", "Standing", "Custody", "Renewals",
                logging,
                subprocess, systemPackage,
            ]
        ),
    ]
)
