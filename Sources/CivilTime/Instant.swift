/// A point in time, in whole microseconds since 1970-01-01 00:00 UTC: what PostgreSQL's `timestamptz` holds.
///
/// Leap seconds are not counted, as in POSIX and PostgreSQL. Arithmetic stops at the ends of the range, some 292,000
/// years away on either side.
package struct Instant: Hashable, Comparable, Sendable {
    package let microsecondsSinceEpoch: Int64

    /// 1970-01-01T00:00:00Z.
    package static let epoch = Instant(microsecondsSinceEpoch: 0)

    @inlinable
    package init(microsecondsSinceEpoch: Int64) {
        self.microsecondsSinceEpoch = microsecondsSinceEpoch
    }

    /// The instant so many seconds after the epoch, or the last there is.
    @inlinable
    package init(secondsSinceEpoch: Int) {
        let (microseconds, overflow) = Int64(secondsSinceEpoch).multipliedReportingOverflow(by: 1_000_000)
        microsecondsSinceEpoch = overflow ? (secondsSinceEpoch < 0 ? .min : .max) : microseconds
    }

    /// Whole seconds since the epoch, the fraction cut off towards the past.
    @inlinable
    package var secondsSinceEpoch: Int { CivilCalendar.floorDivide(Int(microsecondsSinceEpoch), 1_000_000) }

    @inlinable
    package static func < (left: Instant, right: Instant) -> Bool {
        left.microsecondsSinceEpoch < right.microsecondsSinceEpoch
    }

    /// The instant that much later, or earlier where negative; parts of a microsecond are dropped.
    package func adding(_ duration: Duration) -> Instant {
        let (seconds, attoseconds) = duration.components
        let (micros, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (change, stillTooLong) = micros.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        let (sum, overflow) = microsecondsSinceEpoch.addingReportingOverflow(change)
        let isPinned = tooLong || stillTooLong || overflow
        return Instant(microsecondsSinceEpoch: isPinned ? (seconds < 0 ? .min : .max) : sum)
    }

    /// How long from this instant to the other; negative where the other is earlier.
    package func duration(to other: Instant) -> Duration {
        .microseconds(other.microsecondsSinceEpoch) - .microseconds(microsecondsSinceEpoch)
    }
}
