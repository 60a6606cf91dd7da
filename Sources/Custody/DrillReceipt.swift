package import CivilTime

/// What a drill came to, phase by phase: the receipt that is written down.
package struct DrillReceipt: Codable, Equatable, Sendable {
    package enum Verdict: String, Codable, Sendable {
        /// Every phase has passed.
        case pass
        /// None has failed, but one was left out: it proves nothing.
        case partial
        case fail
    }

    package struct Phase: Codable, Equatable, Sendable {
        package enum Outcome: String, Codable, Sendable {
            case passed, failed, skipped
        }

        package let name: String
        package let outcome: Outcome
        package let seconds: Double
        /// One line: what was found.
        package let detail: String

        package init(name: String, outcome: Outcome, seconds: Double, detail: String) {
            self.name = name
            self.outcome = outcome
            self.seconds = seconds
            self.detail = detail
        }
    }

    /// Every phase, in its order; a drill that passes has been through all of them.
    package static let phaseNames = [
        "pick", "space", "hash", "decrypt", "cluster", "globals", "restore", "amcheck", "equality", "continuity",
        "invariants",
        "rehearsal", "destroy",
    ]

    package var run: Int64?
    package var backup: String?
    /// What took the backup: `dump` or `pgbackrest`.
    package var engine: String
    package let source: String
    package let host: String
    package let began_at: Instant
    package var verdict: Verdict
    /// One sentence for whoever is told of it.
    package var told: String
    /// How much would have been lost: from the backup's snapshot to the drill's begin.
    package var rpo_seconds: Double?
    /// How long it took until the copy was proven: from the begin to the invariants.
    package var rto_seconds: Double?
    package var phases: [Phase]

    /// The verdict that the phases come to.
    package static func verdict(of phases: [Phase]) -> Verdict {
        if phases.isEmpty || phases.contains(where: { $0.outcome == .failed }) { return .fail }
        let passed = Set(phases.filter { $0.outcome == .passed }.map(\.name))
        return phaseNames.allSatisfy(passed.contains) ? .pass : .partial
    }
}

/// The phases of a drill under way.
actor DrillLog {
    private(set) var phases: [DrillReceipt.Phase] = []

    func add(_ name: String, _ outcome: DrillReceipt.Phase.Outcome, _ seconds: Double, _ detail: String) {
        phases.append(DrillReceipt.Phase(name: name, outcome: outcome, seconds: seconds, detail: detail))
    }

    /// Goes through a phase and notes how that went.
    ///
    /// - Throws: `CustodyFailure` with the phase's name; cancellation is passed on, and is no verdict.
    nonisolated func phase<Answer: Sendable>(
        _ name: String,
        _ body: () async throws -> (Answer, String)
    ) async throws -> Answer {
        let began = ContinuousClock.now
        do {
            let (answer, detail) = try await body()
            await add(name, .passed, (ContinuousClock.now - began) / .seconds(1), detail)
            return answer
        } catch {
            if Task.isCancelled || error is CancellationError { throw error }
            let reason = (error as? CustodyFailure)?.reason ?? "\(error)"
            await add(name, .failed, (ContinuousClock.now - began) / .seconds(1), reason)
            throw CustodyFailure(name, reason)
        }
    }

    /// Notes that a phase was left out, and why: such a drill proves nothing.
    func skip(_ name: String, _ why: String) { add(name, .skipped, 0, why) }
}
