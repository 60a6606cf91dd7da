internal import JobKit
internal import Postgres

/// Brings a dump back: opened with the recovery key, and restored into a fresh cluster.
struct DumpDrill: DrillEngine {
    let house: BackupHouse

    func bringBack(
        _ source: DrillSource,
        as name: String,
        _ desk: DrillDesk,
        _ body: @escaping @Sendable (DrillCopy) async throws -> Void
    ) async throws {
        let log = desk.log
        let backup = try await pick(source, desk)
        await desk.picked(backup.record)
        let files = DrillFiles(house: house, backup: backup)
        try await log.phase("space") { try await files.checkSpace() }
        try await log.phase("hash") { try await files.checkHashes() }
        let folder = try await ScratchFolder.make(house, name, step: "decrypt")
        let manifest = try await log.phase("decrypt") { try await files.decrypt(into: folder) }
        let version = backup.index.serverVersion
        let server = ScratchServer(tools: try ServerTools.ofServer(version, house), folder: folder)
        let start = ContinuousClock.now
        let jobs = house.jobs
        try await server.withServer {
            await log.add(
                "cluster",
                .passed,
                (ContinuousClock.now - start) / .seconds(1),
                "a private server of version \(version)"
            )
            let copy = DrillCopy(
                server: server,
                backup: backup.record,
                manifest: manifest,
                asOf: backup.index.asOf,
                jobs: jobs
            )
            try await log.phase("globals") { try await copy.globals(of: manifest) }
            try await log.phase("restore") { try await copy.restore(manifest) }
            try await body(copy)
        }
    }

    private func pick(_ source: DrillSource, _ desk: DrillDesk) async throws -> PickedBackup {
        try await desk.log.phase("pick") {
            let folder = BackupFolder(path: house.directory)
            let known = try await desk.context.read { try await BackupBook.list(of: .dump, in: $0) }
            let here = Set(try await step("pick") { () throws(VaultError) in try folder.whole() })
            guard let chosen = try source.choice(among: known.filter { here.contains($0.name) }) else {
                throw CustodyFailure(
                    "pick",
                    "there is no backup in \(house.directory) that the database knows (\(source.words)); take one with: bursar backup run"
                )
            }
            // What the database knows and the folder has not is a backup that was lost.
            if case .latest = source, let newest = known.first, newest.name != chosen.name {
                throw CustodyFailure("pick", "the newest backup \(newest.name) is not in \(house.directory)")
            }
            let (index, sha256) = try await step("pick") { () throws(VaultError) in try folder.index(chosen.name) }
            return (PickedBackup(record: chosen, index: index, indexSHA256: sha256), chosen.name)
        }
    }
}

/// The dump of a drill.
struct PickedBackup: Sendable {
    let record: RecordedBackup
    let index: BackupIndex
    let indexSHA256: String
}

extension DrillSource {
    /// The one that is meant among those that are there, the newest first; nil for none.
    ///
    /// - Throws: at `pick`, for a moment: a dump has but one.
    func choice(among found: [RecordedBackup]) throws(CustodyFailure) -> RecordedBackup? {
        switch self {
        case .latest: found.first
        case .random: found.dropFirst().randomElement() ?? found.first
        case .named(let name): found.first { $0.name == name }
        case .at:
            throw CustodyFailure(
                "pick",
                "a dump is of one moment alone; only pgBackRest goes to another: engine=pgbackrest"
            )
        }
    }
}
