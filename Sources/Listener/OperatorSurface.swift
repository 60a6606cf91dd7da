package import Telemetry

/// What the daemon answers to its operator: the listener's routes carry requests here and decide nothing themselves.
package protocol OperatorSurface: Sendable {
    /// Whether the loops of the node come round; never asks the database.
    func live() -> Bool

    /// Everything that must hold before work should be sent here.
    func readiness() async -> [ReadinessCheck]

    /// The daemon's state, as JSON.
    func status() async throws -> [UInt8]

    /// All metrics, as a scraper reads them.
    func metrics(_ format: ExpositionFormat) async -> String

    /// Carries out a command that changes something; body and answer are JSON.
    ///
    /// - Throws: `Problem` for what the caller can mend; the listener shows it as it is.
    func perform(_ command: String, _ body: [UInt8], by actor: OperatorActor) async throws -> [UInt8]

    /// What another error means to the caller; null hides it behind an id that the log carries.
    func problem(for error: any Error) -> Problem?
}

extension OperatorSurface {
    package func problem(for error: any Error) -> Problem? { nil }
}

/// One line of `/readyz?verbose`.
package struct ReadinessCheck: Sendable, Equatable {
    package var name: String
    /// Why it does not hold; null when it holds.
    package var reason: String?

    package init(_ name: String, failing reason: String? = nil) {
        self.name = name
        self.reason = reason
    }

    package var passes: Bool { reason == nil }
}

/// Who speaks through the operator socket, as the kernel vouches for it.
package struct OperatorActor: Sendable, Hashable {
    package var uid: UInt32
    /// The account's name, or the number where it has none.
    package var name: String

    package init(uid: UInt32, name: String) {
        self.uid = uid
        self.name = name
    }
}
