import Schedules

/// How many next fires are found in a second.
struct CronSpeed: Sendable {
    var fires = 2_000_000
    var runs = 3

    /// What is aimed at, in a release build.
    static let aim = 1_000_000.0

    func measure() throws -> BenchFigure {
        let bench = try CronBench()
        _ = bench.run(fires: fires / 10)
        let speeds = (0..<max(1, runs)).map { _ in bench.run(fires: fires).perSecond }
        return BenchFigure("next fires", speeds, "fires/s", limits: [Self.aim], .atLeast(1))
    }
}
