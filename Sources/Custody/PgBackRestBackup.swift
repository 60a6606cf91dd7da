internal import CivilTime
internal import JobKit
internal import Postgres

/// Takes a backup of the whole cluster by pgBackRest, and a manifest of a moment right after it, up to which the log is
/// in the archive before anything is written down.
///
/// The steps, by which a failure is named: `role`, `stanza`, `archive`, `backup`, `info`, `moment`, `manifest`, `record`,
/// `expire`.
struct PgBackRestBackup: BackupTaker {
    private let house: BackupHouse
    private let place: PgBackRestPlace

    init(_ house: BackupHouse, _ place: PgBackRestPlace) {
        self.house = house
        self.place = place
    }

    /// The note that pgBackRest keeps beside the backup: the name by which Bursar knows it.
    static let note = "bursar"

    var target: String { "of stanza \(place.stanza) by pgBackRest" }

    func take(in context: JobContext) async throws -> String {
        guard let url = house.url else {
            throw CustodyFailure(
                "role",
                "no database is configured for backups; set backup.database_url to one of the login bursar_backup"
            )
        }
        let began = ContinuousClock.now
        let name = "\(try await BackupWork.stamp(context))-\(context.run.id)-\(context.run.attempt)"
        let source = try await BackupHouse.withPool(url, "backup") { try await PgBackRestSource.read($0) }
        let rest = try await PgBackRest(house, place)
        try await check(rest, source)
        try await rest.run(
            "backup",
            ["--type=\(place.kind.rawValue)", "--no-expire-auto", "--annotation=\(Self.note)=\(name)"],
            step: "backup"
        )
        let made = try await made(name, rest)
        let moment = try await BackupHouse.withPool(url, "backup", size: 2) { try await PgBackRestMoment.take($0) }
        try Self.check(moment, follows: made)
        // It begins a new piece of the log, and waits until the one with the moment is in the archive.
        try await rest.run("check", step: "archive")
        let list = try await rest.fileList(made.label, step: "info")
        let physical = PhysicalBackup(
            stanza: place.stanza,
            label: made.label,
            kind: made.kind,
            moment: moment.place,
            firstLog: made.firstLog ?? "",
            lastLog: made.lastLog ?? "",
            database: source.database,
            serverVersion: source.version,
            databaseBytes: made.bytes
        )
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        try await record(name, physical, made, moment, list, seconds, context)
        let kept = try await PgBackRestKeeping(house: house, rest: rest).settle(context)
        let manifest: Manifest = try moment.manifest.decoded()
        return
            "\(name): \(made.kind) backup \(made.label), \(made.repositoryBytes) bytes in \(list.files) files,"
            + " \(manifest.rows) rows in \(manifest.tables.count) tables at \(moment.place), for which writers were held back \(Int(moment.held / .milliseconds(1))) ms; \(Int(seconds.rounded())) s\(kept)"
    }

    /// The stanza is of this very cluster, and its archive takes what the server gives it.
    private func check(_ rest: PgBackRest, _ source: PgBackRestSource) async throws {
        let info = try await rest.info(step: "stanza")
        guard info.system == source.system else {
            throw CustodyFailure(
                "stanza",
                "stanza \(place.stanza) is of another cluster (\(info.system.map { "\($0)" } ?? "none")) than"
                    + " backup.database_url (\(source.system)); look at pg1-path, or after an upgrade: pgbackrest stanza-upgrade"
            )
        }
        try await rest.run("check", step: "archive")
    }

    private func made(_ name: String, _ rest: PgBackRest) async throws -> PgBackRestInfo.Backup {
        let found = try await rest.info(step: "info").backups.last { $0.notes[Self.note] == name }
        guard let found else {
            throw CustodyFailure("info", "pgBackRest has made a backup and does not list it: \(name)")
        }
        guard !found.hasErrors else {
            throw CustodyFailure(
                "info",
                "\(found.label) has pages whose checksums are wrong: the cluster's disk is damaged; look with: pgbackrest info --set=\(found.label)"
            )
        }
        return found
    }

    /// The moment lies behind the backup, on its timeline.
    static func check(_ moment: PgBackRestMoment, follows backup: PgBackRestInfo.Backup) throws(CustodyFailure) {
        guard let last = backup.lastLog else {
            throw CustodyFailure("info", "\(backup.label) was taken of a cluster that did not run")
        }
        guard moment.log.prefix(8) == last.prefix(8), moment.log >= last else {
            throw CustodyFailure(
                "moment",
                "the server has become another's successor meanwhile: \(last), then \(moment.log); take another backup",
                isPassing: true
            )
        }
    }

    private func record(
        _ name: String,
        _ physical: PhysicalBackup,
        _ made: PgBackRestInfo.Backup,
        _ moment: PgBackRestMoment,
        _ list: (files: Int, sha256: String),
        _ seconds: Double,
        _ context: JobContext
    ) async throws {
        let directory = place.configuration
        _ = try await context.chunk(
            select: { _, _ in [physical] },
            tenant: { _ in 0 },
            apply: { transaction, backups, checkpoint in
                for physical in backups {
                    _ = try await transaction.execute(
                        PgBackRestStatements.record,
                        name,
                        context.run.id,
                        ProcessMark.hostName,
                        directory,
                        moment.takenAt,
                        moment.asOf,
                        seconds,
                        list.files,
                        made.bytes,
                        made.repositoryBytes,
                        list.sha256,
                        moment.manifest,
                        physical.stanza,
                        physical.label,
                        physical.kind,
                        physical.moment,
                        physical.firstLog,
                        physical.lastLog,
                        physical.database,
                        physical.serverVersion
                    )
                }
                checkpoint.count("backups", 1)
            }
        )
    }
}
