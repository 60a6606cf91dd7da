internal import CivilTime
internal import JobKit
internal import Logging
internal import Postgres
internal import Schedules
internal import Synchronization

/// A schedule of which a fire is due, as it was read.
struct DueSchedule: Sendable {
    let schedule: Schedule
    let version: Int64
    let highWater: Instant
}

/// The schedules in force as this node last read them: each definition is read once, and its next fire is computed once.
final class KnownSchedules: Sendable {
    private struct Entry: Sendable {
        let version: Int64
        /// Nil where this version of the program does not understand the definition.
        let schedule: Schedule?
        var highWater: Instant
        var next: Instant?
        let isPaused: Bool

        /// The next fire that somebody must make.
        var due: Instant? { isPaused ? nil : next }
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let defects = Mutex<[Alarm]>([])

    /// Alarms of definitions that are not understood, each version's once.
    func newDefects() -> [Alarm] {
        defects.withLock { defects in
            defer { defects = [] }
            return defects
        }
    }

    /// Definitions up to here need not be sent.
    var newestVersion: Int64 { entries.withLock { $0.values.map(\.version).max() ?? -1 } }

    /// Whether every entry of a book comes with its definition, or is known in that version.
    ///
    /// Versions may be committed out of order, so an older one than the newest can be new.
    func knows(_ book: ReadBook) -> Bool {
        entries.withLock { known in
            book.entries.allSatisfy { $0.definition != nil || known[$0.name]?.version == $0.version }
        }
    }

    /// Takes a book in, and answers the schedules that are due.
    func due(_ book: ReadBook, logger: Logger) -> [DueSchedule] {
        entries.withLock { known in
            known = Dictionary(book.entries.map { ($0.name, entry($0, known[$0.name], logger)) }) { first, _ in
                first
            }
            return known.values.compactMap { entry in
                guard let schedule = entry.schedule, let next = entry.due, next <= book.now else { return nil }
                return DueSchedule(schedule: schedule, version: entry.version, highWater: entry.highWater)
            }
        }
    }

    /// How long from now until the first fire of all.
    func untilNext(now: Instant) -> Duration? {
        entries.withLock { $0.values.compactMap(\.due).min() }.map { max(.milliseconds(1), now.duration(to: $0)) }
    }

    /// By name, with those that are paused.
    var inForce: [String: Schedule] { entries.withLock { $0.compactMapValues(\.schedule) } }

    private func entry(_ read: ReadBook.Entry, _ known: Entry?, _ logger: Logger) -> Entry {
        if var known, known.version == read.version {
            if known.highWater != read.highWater {
                known.highWater = read.highWater
                known.next = known.schedule?.nextFire(after: read.highWater)
            }
            return known
        }
        do {
            let schedule = try Schedule(name: read.name, definitionJSON: read.definition ?? "")
            return Entry(
                version: read.version,
                schedule: schedule,
                highWater: read.highWater,
                next: schedule.nextFire(after: read.highWater),
                isPaused: read.isPaused
            )
        } catch {
            logger.error(
                "the stored definition is not understood",
                metadata: ["schedule": "\(read.name)", "error": "\(error)"]
            )
            let facts = Defect(schedule: read.name, version: read.version, error: "\(error)")
            if let evidence = try? JSONText(encoding: facts) {
                defects.withLock { $0.append(Alarm("unreadable:\(read.name)", .critical, evidence: evidence)) }
            }
            return Entry(
                version: read.version,
                schedule: nil,
                highWater: read.highWater,
                next: nil,
                isPaused: read.isPaused
            )
        }
    }

    /// Why a schedule is set aside, as the alarm tells it.
    private struct Defect: Encodable {
        let schedule: String
        let version: Int64
        let error: String
    }
}
