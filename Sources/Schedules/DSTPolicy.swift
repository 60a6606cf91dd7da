/// What a schedule with fixed times does when its zone's clock is put forward or back.
///
/// A fixed time is one whose minute and hour fields do not begin with a star; the others follow real time, and no
/// policy touches them. Without a policy a schedule does as Debian's cron does, which is `asDebian`.
package struct DSTPolicy: Hashable, Sendable, Codable {
    /// A time that the clock jumps over.
    package enum Missing: String, Hashable, Sendable, CaseIterable, Codable {
        /// It does not happen that day.
        case skip
        /// It happens right after the gap, once, however many times were jumped over.
        case shift
    }

    /// A time that the clock shows twice.
    package enum Repeated: String, Hashable, Sendable, CaseIterable, Codable {
        case first, last, both
    }

    package var missing: Missing
    package var repeated: Repeated

    package init(missing: Missing, repeated: Repeated) {
        self.missing = missing
        self.repeated = repeated
    }

    /// Debian's cron(8): what is skipped runs right after the gap, what is repeated runs once.
    package static let asDebian = DSTPolicy(missing: .shift, repeated: .first)

    /// Every minute that really passes, each time it passes: how wildcard times cross a change.
    static let realTime = DSTPolicy(missing: .skip, repeated: .both)
}
