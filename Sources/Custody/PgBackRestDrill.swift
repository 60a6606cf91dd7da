internal import CivilTime
internal import JobKit
internal import Postgres

/// Brings back a backup that pgBackRest took: restored into a folder of the drill's own, the log played back to the
/// moment of its manifest, or to another moment that is asked for.
///
/// The copy never writes to the repository: it has no archive, and none of the source's settings.
struct PgBackRestDrill: DrillEngine {
    let house: BackupHouse
    let place: PgBackRestPlace

    func bringBack(
        _ source: DrillSource,
        as name: String,
        _ desk: DrillDesk,
        _ body: @escaping @Sendable (DrillCopy) async throws -> Void
    ) async throws {
        let log = desk.log
        let rest = try await PgBackRest(house, place)
        let (backup, physical, cipher) = try await pick(source, rest, desk)
        await desk.picked(backup)
        try await log.phase("space") {
            try await house.checkSpace(physical.databaseBytes / 2 &* 3 &+ 256 << 20)
        }
        // Whoever cannot open the repository does not get beyond this list.
        let found = try await log.phase("decrypt") {
            let list = try await rest.fileList(physical.label, step: "decrypt")
            return (list, "\(list.files) files are listed; cipher: \(cipher)")
        }
        try await log.phase("hash") {
            guard found.sha256 == backup.indexSHA256 else {
                throw CustodyFailure(
                    "hash",
                    "the list of files of \(physical.label) is not what was written down of it"
                )
            }
            return ((), "the list is what was written down; each file is compared with it as it is restored")
        }
        let folder = try await ScratchFolder.make(house, name, step: "restore")
        let tools = try ServerTools.ofServer(physical.serverVersion, house)
        let scratch = PgBackRestScratch(folder: folder)
        try await log.phase("restore") {
            try await scratch.prepare()
            try await rest.run(
                "restore",
                scratch.options(rest, physical, source.moment),
                environment: scratch.environment,
                step: "restore"
            )
            try await scratch.forgetSettings()
            return ((), "\(physical.databaseBytes) bytes of \(physical.label)")
        }
        let server = ScratchServer(
            tools: tools,
            folder: folder,
            database: physical.database,
            recovery: .init(settings: scratch.settings, environment: scratch.environment)
        )
        let start = ContinuousClock.now
        let (jobs, manifest) = (house.jobs, source.moment == nil ? try await manifest(of: backup, desk) : nil)
        try await server.withServer {
            let clock = try await server.clock(at: source.moment ?? backup.takenAt)
            await log.add(
                "cluster",
                .passed,
                (ContinuousClock.now - start) / .seconds(1),
                "the log was played back to \(source.moment.map { "\($0)" } ?? physical.moment); newest change \(clock.newest.map { "\($0)" } ?? "none")"
            )
            let copy = DrillCopy(
                server: server,
                backup: backup,
                manifest: manifest,
                asOf: source.moment == nil ? backup.asOf : clock.asOf,
                jobs: jobs
            )
            if let manifest {
                try await log.phase("globals") { try await copy.checkRoles(of: manifest) }
            } else {
                await log.skip("globals", DrillCopy.withoutManifest)
            }
            try await body(copy)
        }
    }

    private func manifest(of backup: RecordedBackup, _ desk: DrillDesk) async throws -> Manifest? {
        let row = try await desk.context.read { try await $0.query(BackupStatements.ownManifest, backup.name).first }
        return try row.map { try JSONText($0.get("manifest", as: String.self)).decoded() }
    }

    private func pick(
        _ source: DrillSource,
        _ rest: PgBackRest,
        _ desk: DrillDesk
    ) async throws -> (RecordedBackup, PhysicalBackup, String) {
        try await desk.log.phase("pick") {
            let known = try await desk.context.read { try await BackupBook.list(of: .pgBackRest, in: $0) }
                .filter { $0.physical?.stanza == place.stanza }
            let info = try await rest.info(step: "pick")
            let gone = Set(PgBackRestKeeping.gone(known, info).map(\.name))
            let chosen = try source.physicalChoice(among: known.filter { !gone.contains($0.name) }, info)
            guard let chosen, let physical = chosen.physical else {
                throw CustodyFailure(
                    "pick",
                    "there is no backup in stanza \(place.stanza) that the database knows (\(source.words));"
                        + " take one with: bursar backup run --engine pgbackrest --stanza \(place.stanza)"
                )
            }
            if case .latest = source, let newest = known.first, newest.name != chosen.name {
                throw CustodyFailure(
                    "pick",
                    "pgBackRest no longer has the newest backup \(newest.name) (\(newest.physical?.label ?? ""))"
                )
            }
            return ((chosen, physical, info.cipher), "\(chosen.name), \(physical.label)")
        }
    }
}

extension DrillSource {
    /// The moment that is asked for; nil: that of the backup's manifest.
    var moment: Instant? {
        if case .at(let moment) = self { return moment }
        return nil
    }

    /// As ``choice(among:)``; for a moment it is the newest that had ended by then.
    fileprivate func physicalChoice(
        among found: [RecordedBackup],
        _ info: PgBackRestInfo
    ) throws(CustodyFailure) -> RecordedBackup? {
        guard let moment else { return try choice(among: found) }
        return found.first { backup in
            guard let label = backup.physical?.label, let ended = info.backup(label)?.ended else { return false }
            return ended < moment.secondsSinceEpoch
        }
    }
}
