/// Why a run could not go on, and what that means for the next attempt.
///
/// Errors of other types are transient.
package struct JobError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What should happen next.
    package enum Disposition: Equatable, Sendable {
        /// Try again under the retry policy; it costs an attempt.
        case transient
        /// Never again: the run is dead until an operator looks.
        case permanent
        /// Try again no earlier than this long from now; it costs no attempt.
        case rateLimited(Duration)
    }

    package let disposition: Disposition
    /// One line for an operator: what was being done, to what, and what came back.
    package let reason: String

    package init(_ disposition: Disposition, _ reason: String) {
        self.disposition = disposition
        self.reason = reason
    }

    package var description: String { reason }
}

/// The run belongs to somebody else now: a later claim has a larger fence.
///
/// Nothing of the transaction was applied.
package struct LeaseLost: Error, Equatable, Sendable, CustomStringConvertible {
    package let run: Int64
    package let fence: Int64

    package init(run: Int64, fence: Int64) {
        self.run = run
        self.fence = fence
    }

    package var description: String { "LeaseLost: run \(run) is no longer held under fence \(fence)" }
}

/// The node is draining: the run goes back with the work it has done, and costs no attempt.
package struct HandedBack: Error, Equatable, Sendable {
    package init() {}
}

/// An operator asked that the run ends.
package struct RunCancelled: Error, Equatable, Sendable {
    package init() {}
}

/// The run would do more than it may without a person's word.
///
/// Its proposal is stored, nothing was applied.
package struct NeedsApproval: Error, Equatable, Sendable {
    package let proposal: Int64
    package let why: String

    package init(proposal: Int64, why: String) {
        self.proposal = proposal
        self.why = why
    }
}
