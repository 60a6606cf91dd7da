package import JobKit
internal import Postgres
internal import Synchronization

/// What a node remembers of the database's past, to notice when that past is gone.
///
/// A database that was promoted or restored without its last commits cannot know what it lost; who saw them can. Only what the
/// database acknowledged is remembered. Kept in memory, so a process that has just started remembers nothing.
package struct Marks: Codable, Equatable, Sendable {
    /// One attempt, under the fence of its claim.
    package struct Attempt: Codable, Equatable, Sendable {
        package let run: Int64
        package let number: Int
        package let fence: Int64

        init(_ run: RunIdentity) { (self.run, number, fence) = (run.id, run.attempt, run.fence) }
    }

    /// The claim with the highest fence.
    package private(set) var claimed: Attempt?
    /// The attempt whose end was acknowledged last.
    package private(set) var ended: Attempt?
    /// The highest run that was seen.
    package private(set) var run: Int64 = 0

    package init() {}

    /// The highest fence that was given; 0 for none.
    package var fence: Int64 { claimed?.fence ?? 0 }

    package mutating func claimed(_ claim: RunIdentity) {
        run = max(run, claim.id)
        if claim.fence > fence { claimed = Attempt(claim) }
    }

    package mutating func ended(_ end: RunIdentity) { ended = Attempt(end) }

    /// Refuses the transaction it stands in where the past is gone, or a quarantine in force: see `bursar.assert_past`.
    var check: BoundStatement {
        Statements.check.bind(claimed?.run, claimed?.number, claimed?.fence, ended?.run, ended?.fence)
    }

    package enum Statements {
        static let check = Statement("engine.assert_past", "select bursar.assert_past($1, $2, $3, $4, $5)")
    }
}

/// The marks of one node, shared by its loops.
package final class MarkBook: Sendable {
    private let marks = Mutex(Marks())

    package init() {}

    package var current: Marks { marks.withLock { $0 } }

    func claimed(_ runs: [ClaimedRun]) {
        guard !runs.isEmpty else { return }
        marks.withLock { marks in
            for run in runs { marks.claimed(run.identity) }
        }
    }

    func ended(_ run: RunIdentity) { marks.withLock { $0.ended(run) } }
}
