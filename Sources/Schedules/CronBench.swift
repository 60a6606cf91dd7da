package import CivilTime

/// How fast next fires are found, for `bursar bench cron`.
package struct CronBench: Sendable {
    /// One question: the first fire of an expression after an instant.
    package struct Question: Sendable {
        package let cron: Cron
        package let zone: Zone
        package let after: Instant

        package init(cron: Cron, zone: Zone, after: Instant) {
            self.cron = cron
            self.zone = zone
            self.after = after
        }
    }

    package struct Figure: Sendable {
        /// Next fires found, each by a search of its own.
        package let fires: Int
        package let elapsed: Duration
        /// The sum of all answers in seconds since the epoch, so that no work can be left out unseen.
        package let checksum: Int

        package var perSecond: Double { Double(fires) / (elapsed / .seconds(1)) }
    }

    private let questions: [Question]

    /// - Parameter questions: asked in turn, each from where its last answer was.
    package init(questions: [Question]) {
        self.questions = questions
    }

    /// Expressions of every kind in zones with and without daylight saving time.
    package init() throws {
        var questions: [Question] = []
        let start = Instant(secondsSinceEpoch: 1_767_225_600)
        for zone in try Self.zones.map({ try Zone(named: $0) }) {
            for expression in Self.expressions {
                questions.append(Question(cron: try Cron(parsing: expression), zone: zone, after: start))
            }
        }
        self.questions = questions
    }

    private static let zones = [
        "UTC", "Asia/Phnom_Penh", "America/New_York", "Europe/Riga", "Australia/Lord_Howe", "Africa/Casablanca",
    ]

    private static let expressions = [
        "* * * * *", "*/15 * * * *", "5 0 * * *", "30 2 * * *", "0 9-17 * * MON-FRI", "0 0 1 * *", "0 6 L * *",
        "0 18 LW * *", "15 3 * * 5L", "0 12 * * MON#2", "*/11 */7 */8 * */3", "0 0 1 1,4,7,10 *", "0 0 29 2 *",
        "23,41 1,13 10-18/5 */3 1-5", "@hourly", "@weekly",
    ]

    /// Finds so many next fires and takes the time of it.
    ///
    /// A question is asked a hundred times in a row and begins anew, so that a rare expression stays in this age.
    package func run(fires: Int) -> Figure {
        var (found, checksum) = (0, 0)
        let clock = ContinuousClock()
        let elapsed = clock.measure {
            while found < fires, !questions.isEmpty {
                for question in questions where found < fires {
                    var instant = question.after
                    for _ in 0..<min(100, fires - found) {
                        instant = question.cron.next(after: instant, in: question.zone) ?? question.after
                        checksum &+= instant.secondsSinceEpoch
                        found += 1
                    }
                }
            }
        }
        return Figure(fires: found, elapsed: elapsed, checksum: checksum)
    }
}
