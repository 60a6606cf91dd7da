package import CivilTime

/// How many backups are kept: the newest of so many days, and of so many weeks.
package struct BackupKeep: Equatable, Sendable {
    package var days: Int
    package var weeks: Int

    package init(days: Int = 7, weeks: Int = 5) {
        self.days = days
        self.weeks = weeks
    }

    /// Reads `7d 5w`; nil where it is something else, or keeps nothing.
    package init?(text: String) {
        self.init(days: 0, weeks: 0)
        for word in text.split(separator: " ") {
            guard let number = Int(word.dropLast()), (1...1_000).contains(number) else { return nil }
            switch word.last {
            case "d": days = number
            case "w": weeks = number
            default: return nil
            }
        }
        guard days + weeks > 0 else { return nil }
    }
}

/// Which backups may go.
package enum BackupRotation {
    package struct Candidate: Equatable, Sendable {
        package let name: String
        package let takenAt: Instant
        /// When a drill of it has passed last.
        package let verifiedAt: Instant?

        package init(name: String, takenAt: Instant, verifiedAt: Instant? = nil) {
            self.name = name
            self.takenAt = takenAt
            self.verifiedAt = verifiedAt
        }
    }

    private static let day = 86_400

    /// The names of those that are neither the newest of a day or week to be kept, nor the newest of all, nor the one that
    /// was verified last: what is known to restore goes last.
    ///
    /// Days are UTC, weeks begin on Monday; only days and weeks that have a backup count.
    package static func removable(_ backups: [Candidate], keep: BackupKeep) -> [String] {
        let sorted = backups.sorted { ($0.takenAt, $0.name) > ($1.takenAt, $1.name) }
        var staying = Set(sorted.prefix(1).map(\.name))
        staying.formUnion(newest(sorted, count: keep.days) { $0 / day })
        // 1970-01-01 was a Thursday.
        staying.formUnion(newest(sorted, count: keep.weeks) { ($0 / day + 3) / 7 })
        let verified = sorted.filter { $0.verifiedAt != nil }
        if let last = verified.max(by: { ($0.verifiedAt ?? .epoch) < ($1.verifiedAt ?? .epoch) }) {
            staying.insert(last.name)
        }
        return sorted.map(\.name).filter { !staying.contains($0) }
    }

    private static func newest(_ sorted: [Candidate], count: Int, _ span: (Int) -> Int) -> [String] {
        var seen: Set<Int> = []
        return sorted.filter { backup in
            let number = span(backup.takenAt.secondsSinceEpoch)
            return seen.count < count && seen.insert(number).inserted
        }
        .map(\.name)
    }
}
