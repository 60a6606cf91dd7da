/// How many rows one batch of a purge takes: as many as go in a tenth of a second, so that whoever wants the disk meanwhile
/// does not wait for long.
package struct PurgePace: Sendable {
    /// What a batch should take.
    package static let aim = Duration.milliseconds(100)
    /// What no statement of a batch takes longer than: the server ends it.
    ///
    /// Its session says nothing for no longer than that either, so what a batch has locked is free again in less than two seconds, whatever becomes of the node.
    package static let limit = Duration.milliseconds(900)
    /// How many rows are looked at for each that is wanted.
    private static let lookAhead = 10

    /// The rows of the next batch.
    package private(set) var rows: Int
    /// How many batches were cut off one after another.
    package private(set) var cutOff = 0
    private let most: Int

    package init(_ policy: RetentionPolicy) {
        most = policy.batch
        rows = min(policy.batch, 1_000)
    }

    /// The rows that the next batch looks at.
    package var look: Int { rows * Self.lookAhead }

    /// A batch has taken so long, or would have taken longer than may be: the next one is smaller, or larger again.
    package mutating func took(_ duration: Duration) {
        cutOff = 0
        if duration > Self.aim {
            rows = max(1, rows / 2)
        } else if duration < Self.aim / 2 {
            rows = min(most, rows + rows / 2 + 1)
        }
    }

    /// A batch was ended by the server, since it took too long or waited for a lock: nothing of it has happened.
    package mutating func wasCutOff() {
        cutOff += 1
        rows = max(1, rows / 4)
    }
}
