import CivilTime
import Custody
import Testing

@Suite("The rotation of backups")
struct BackupRotationTests {
    private typealias Candidate = BackupRotation.Candidate

    /// One a day, the newest last; day 0 is a Thursday.
    private func daily(_ days: Int, verified: Int? = nil) -> [Candidate] {
        (0..<days).map { day in
            let taken = Instant(secondsSinceEpoch: day * 86_400 + 7_200)
            return Candidate(
                name: "b\(day)",
                takenAt: taken,
                verifiedAt: day == verified ? taken.adding(.seconds(3_600)) : nil
            )
        }
    }

    @Test("The newest of each day and of each week stay, so many of either")
    func daysAndWeeks() {
        let removable = Set(BackupRotation.removable(daily(30), keep: BackupKeep(days: 3, weeks: 3)))
        // Days 27, 28, 29; the newest of the weeks that end with days 29 (under way), 24 and 17.
        #expect(Set(daily(30).map(\.name)).subtracting(removable) == ["b29", "b28", "b27", "b24", "b17"])
    }

    @Test("Of several on a day the newest stays")
    func sameDay() {
        let two = [
            Candidate(name: "early", takenAt: Instant(secondsSinceEpoch: 10)),
            Candidate(name: "late", takenAt: Instant(secondsSinceEpoch: 20)),
        ]
        #expect(BackupRotation.removable(two, keep: BackupKeep(days: 5, weeks: 5)) == ["early"])
    }

    @Test("The one that was verified last stays however old it is; so does the newest")
    func verified() {
        let removable = BackupRotation.removable(daily(30, verified: 2), keep: BackupKeep(days: 1, weeks: 0))
        #expect(Set(daily(30).map(\.name)).subtracting(removable) == ["b29", "b2"])
    }

    @Test("What is kept is written as days and weeks, and nothing else is taken")
    func texts() {
        #expect(BackupKeep(text: "7d 5w") == BackupKeep(days: 7, weeks: 5))
        #expect(BackupKeep(text: "3w") == BackupKeep(days: 0, weeks: 3))
        for text in ["", "7", "0d", "-1d", "7d5w", "7m", "d"] { #expect(BackupKeep(text: text) == nil, "\(text)") }
    }
}
