internal import JobKit
internal import Logging
internal import Metrics
internal import Postgres

/// What a node does when the database has lost a past that it has seen: it stands still, and says so, until a person lifts it.
extension Node {
    /// Since when and why nothing is claimed or fired; nil where no quarantine is in force.
    package var quarantine: QuarantineStanding? { quarantineWatch.standing }

    /// Stands still for what the database answered; other errors are left to the caller.
    /// - Returns: whether it was about a quarantine.
    func standStill(for error: any Error) async -> Bool {
        guard let error = error as? PostgresError, error.isOfQuarantine else { return false }
        await standStill(because: error.hasLostPast ? error.message : nil)
        return true
    }

    /// - Parameter discovery: what this node misses in the database; nil where another one has said so.
    func standStill(because discovery: String?) async {
        if discovery == nil, quarantineWatch.standing != nil { return }
        do {
            let marks = marks.current
            let store = NodeStore(database: database)
            let standing =
                if let discovery {
                    try await store.quarantine(marks, node: id, host: configuration.host, why: discovery)
                } else {
                    try await store.joinQuarantine(marks, node: id, host: configuration.host)
                }
            guard let standing, quarantineWatch.begin(standing) else { return }
            // What runs here was begun in a past that may be gone.
            leaveBehind(crew.abandonAll())
            Counter(label: "bursar_quarantines_total").increment()
            logger.critical(
                "in quarantine: nothing is claimed and nothing fires until a person lifts it",
                metadata: ["why": "\(standing.why)", "since": "\(standing.since)", "fence": "\(marks.fence)"]
            )
        } catch {
            logger.error("the quarantine could not be told to the database", metadata: ["error": "\(error)"])
        }
    }

    /// The database let a look for work through.
    func noQuarantine() {
        guard quarantineWatch.end() else { return }
        logger.notice("the quarantine was lifted")
        timekeeper.wake()
    }
}
