internal import JobKit

/// The two ways to take a backup, each with its way to bring it back.
package enum BackupEngine: Equatable, Sendable {
    /// Bursar's schema by `pg_dump`, sealed: one moment, any server of the version.
    case dump
    /// The whole cluster by pgBackRest, with the archive of its log: every moment since.
    case pgBackRest(PgBackRestPlace)

    /// As schedules, tables and receipts call it.
    package enum Name: String, CaseIterable, Codable, Sendable {
        case dump
        case pgBackRest = "pgbackrest"
    }

    package var name: Name {
        switch self {
        case .dump: .dump
        case .pgBackRest: .pgBackRest
        }
    }

    func taker(_ house: BackupHouse) -> any BackupTaker {
        switch self {
        case .dump: DumpBackup(house)
        case .pgBackRest(let place): PgBackRestBackup(house, place)
        }
    }

    func drill(_ house: BackupHouse) -> any DrillEngine {
        switch self {
        case .dump: DumpDrill(house: house)
        case .pgBackRest(let place): PgBackRestDrill(house: house, place: place)
        }
    }
}

/// Takes one backup and writes it down, whole or not at all.
protocol BackupTaker: Sendable {
    /// Where it goes, for people: `into /var/lib/bursar/backups`.
    var target: String { get }

    /// - Returns: what was made, in words.
    /// - Throws: `CustodyFailure` with the step; nothing half is listed as a backup.
    func take(in context: JobContext) async throws -> String
}

/// Brings one backup back on a scratch server.
protocol DrillEngine: Sendable {
    /// Goes through the phases from `pick` to a server that has the copy, works with it, and ends the server whatever
    /// happened.
    ///
    /// - Parameters:
    ///   - source: which backup.
    ///   - name: of the drill's folder in the house's scratch folder; whoever calls removes it.
    ///   - desk: where phases are noted, and what was picked.
    ///   - body: the phases that are the same for every engine.
    /// - Throws: `CustodyFailure` with the phase; cancellation, and what the body throws.
    func bringBack(
        _ source: DrillSource,
        as name: String,
        _ desk: DrillDesk,
        _ body: @escaping @Sendable (DrillCopy) async throws -> Void
    ) async throws
}

/// What an engine works a drill with.
struct DrillDesk: Sendable {
    let log: DrillLog
    let context: JobContext
    /// Called once, with the backup that is restored.
    let picked: @Sendable (RecordedBackup) async -> Void
}
