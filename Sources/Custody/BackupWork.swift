internal import CivilTime
package import JobKit
internal import Logging
internal import Postgres

/// Takes one backup by the engine that is asked for: once a run, however often it is tried.
package struct BackupWork: Sendable {
    private let taker: any BackupTaker

    package init(_ house: BackupHouse, _ engine: BackupEngine = .dump) { taker = engine.taker(house) }

    /// - Returns: what was made, in words.
    /// - Throws: `CustodyFailure` with the step; nothing half is left under a backup's name.
    package func run(in context: JobContext) async throws -> String {
        guard !context.run.isDryRun else { return "would back up \(taker.target)" }
        let key = "backup/\(context.run.id)"
        switch try await context.intend("a backup \(taker.target)", key: key) {
        case .done(let words): return words
        // A half backup is nobody's: it is cleared, and another one is made.
        case .none, .unknown: break
        }
        do {
            let words = try await whileWanted(context) { try await taker.take(in: context) }
            try await context.conclude(key, .done, words)
            return words
        } catch {
            try? await context.conclude(key, context.isAbandoned ? .stopped : .failed, "\(error)")
            throw error
        }
    }

    /// The database's clock as `20261124T134252Z`.
    static func stamp(_ context: JobContext) async throws -> String {
        try await context.read { try await $0.query(BackupStatements.stamp).first?.get("stamp") ?? "" }
    }
}

/// Takes a dump and its manifest in one snapshot, sealed, named only when it is whole, then written down.
///
/// The steps, by which a failure is named: `keys`, `folder`, `role`, `dump`, `manifest`, `globals`, `empty`, `seal`, `name`,
/// `record`, `rotate`, `push`.
struct DumpBackup: BackupTaker {
    private let house: BackupHouse
    private let folder: BackupFolder

    init(_ house: BackupHouse) {
        self.house = house
        folder = BackupFolder(path: house.directory)
    }

    var target: String { "into \(house.directory)" }

    func take(in context: JobContext) async throws -> String {
        let keys = try await house.keys()
        let began = ContinuousClock.now
        let folder = folder
        let name = "\(try await BackupWork.stamp(context))-\(context.run.id)-\(context.run.attempt)"
        try await checkPlace(context)
        let partial = try await step("folder") { () throws(VaultError) in
            folder.clear()
            return try folder.begin(name)
        }
        try await adopt(keys.own, context)
        do {
            let plain = "\(partial)/plain"
            try await step("folder") { () throws(VaultError) in try FolderTree.make(plain) }
            let dump = try await BackupDump.take(into: plain, house)
            let manifest: Manifest = try dump.manifest.decoded()
            try await check(dump, manifest, plain)
            let files = try await seal(
                plain,
                into: partial,
                for: [keys.own.current, keys.recovery.current],
                dump.manifest
            )
            let index = BackupIndex(
                name: name,
                takenAt: dump.moment.takenAt,
                asOf: dump.moment.asOf,
                host: ProcessMark.hostName,
                installation: dump.moment.installation,
                serverVersion: dump.moment.version,
                databaseBytes: dump.moment.bytes,
                keyID: keys.own.current.id,
                recoveryID: keys.recovery.current.id,
                seconds: (ContinuousClock.now - began) / .seconds(1),
                files: files
            )
            let text = try JSONText(encoding: index).text
            try await step("name") { () throws(VaultError) in
                try VaultFiles.store(text, "\(partial)/\(BackupIndex.file)")
                try folder.finish(name)
            }
            try await record(
                index,
                sha256: VaultDigest.hexadecimal(VaultDigest.of(Array(text.utf8))),
                dump.manifest,
                context
            )
            // Before what may wait for another machine: the folder must not fill up meanwhile.
            let removed = try await rotate(context)
            try await push(name)
            return Self.words(index, manifest, removed)
        } catch {
            // Whatever stopped it, the half is gone; after a kill the next backup clears it.
            await Task { try? await apart { () throws(VaultError) in FolderTree.remove(partial) } }.value
            throw error
        }
    }

    /// Nothing of a dump without rows is kept.
    private func check(_ dump: BackupDump, _ manifest: Manifest, _ plain: String) async throws {
        let tools = try ServerTools(version: dump.moment.version, keeper: house.keeper, step: "empty")
        let contents = try await tools.run("pg_restore", ["--list", "\(plain)/\(BackupIndex.dump)"], step: "empty")
        let empty = try await step("empty") { () throws(VaultError) in
            DumpCheck.empty(contents, in: "\(plain)/\(BackupIndex.dump)", but: manifest)
        }
        guard empty.isEmpty else { throw CustodyFailure("empty", empty.prefix(5).joined(separator: "; ")) }
    }

    /// Seals every file of the plain folder, so many at a time, each gone in the clear when it is done.
    private func seal(
        _ plain: String,
        into partial: String,
        for recipients: [VaultKey],
        _ manifest: JSONText
    ) async throws -> [BackupIndex.File] {
        let names = try await step("seal") { () throws(VaultError) in
            try VaultFiles.store(manifest.text, "\(plain)/\(BackupIndex.manifest)")
            try FolderTree.make("\(partial)/\(BackupIndex.dump)")
            return FolderTree.files(below: plain)
        }
        let files = try await sideBySide(names, house.jobs) { name in
            try await step("seal") { () throws(VaultError) in
                let sealed = try Vault.seal("\(plain)/\(name)", into: "\(partial)/\(name).sealed", for: recipients)
                FolderTree.remove("\(plain)/\(name)")
                return BackupIndex.File(
                    name: name,
                    plainBytes: sealed.plainBytes,
                    plainSHA256: sealed.plainSHA256,
                    sealedBytes: sealed.sealedBytes,
                    sealedSHA256: sealed.sealedSHA256
                )
            }
        }
        try await step("seal") { () throws(VaultError) in
            FolderTree.remove(plain)
            try VaultFiles.sync("\(partial)/\(BackupIndex.dump)")
        }
        return files.sorted { $0.name < $1.name }
    }

    private func push(_ name: String) async throws {
        guard let program = house.push.first else { return }
        let tools = try ServerTools(version: 15, keeper: house.keeper, step: "push", needsPrograms: false)
        try await tools.run(program, house.push.dropFirst() + [folder.place(name)], step: "push")
    }

    private static func words(_ index: BackupIndex, _ manifest: Manifest, _ removed: [String]) -> String {
        let seconds = index.seconds.rounded()
        var words =
            "\(index.name): \(manifest.rows) rows in \(manifest.tables.count) tables,"
            + " \(index.sealedBytes) bytes in \(index.files.count) sealed files, \(Int(seconds)) s"
        if !removed.isEmpty { words += "; removed \(removed.joined(separator: ", "))" }
        return words
    }
}

extension DumpBackup {
    /// Writes down backups that are whole and that the database does not know.
    ///
    /// Their node died in between, or the database was restored. Those of another installation are not ours to list, and so not to remove.
    private func adopt(_ keys: VaultKeyRing, _ context: JobContext) async throws {
        let folder = folder
        let own: Instant? = try await context.read {
            try await $0.query(BackupStatements.installation).first?.get("installation")
        }
        let known = try await context.read { try await BackupBook.list(withRemoved: true, in: $0) }
        let unknown = await Set((try? apart { () throws(VaultError) in try folder.whole() }) ?? []).subtracting(
            known.map(\.name)
        )
        for name in unknown.sorted() {
            let found: (BackupIndex, String, String)?
            do throws(VaultError) {
                found = try await apart { () throws(VaultError) in
                    let (index, sha256) = try folder.index(name)
                    guard index.installation == nil || index.installation == own else {
                        throw VaultError(.keys, "it is of the installation of \(index.installation ?? .epoch)")
                    }
                    let place = "\(folder.place(name))/\(BackupIndex.manifest)"
                    FolderTree.remove("\(folder.path)/.\(name).json")
                    try Vault.open("\(place).sealed", into: "\(folder.path)/.\(name).json", with: keys.keys)
                    defer { FolderTree.remove("\(folder.path)/.\(name).json") }
                    return (index, sha256, try VaultFiles.smallText("\(folder.path)/.\(name).json"))
                }
            } catch {
                context.logger.notice("a folder is no backup that can be written down: \(name): \(error)")
                continue
            }
            guard let found else { continue }
            try await record(found.0, sha256: found.1, JSONText(found.2), context)
        }
    }

    private func record(_ index: BackupIndex, sha256: String, _ manifest: JSONText, _ context: JobContext) async throws
    {
        let directory = house.directory
        _ = try await context.chunk(
            select: { _, _ in [index] },
            tenant: { _ in 0 },
            apply: { transaction, indices, checkpoint in
                for index in indices {
                    try await BackupBook.record(
                        index,
                        sha256: sha256,
                        manifest,
                        run: context.run.id,
                        directory: directory,
                        in: transaction
                    )
                }
                checkpoint.count("backups", 1)
            }
        )
    }

    /// Refuses a folder that has none of the backups that were made there: most likely its disk is not mounted, and another
    /// one would fill up.
    private func checkPlace(_ context: JobContext) async throws {
        let (folder, directory) = (folder, house.directory)
        let known = try await recorded(context).filter {
            $0.removedAt == nil && $0.directory == directory && $0.host == ProcessMark.hostName
        }
        let here = Set(try await step("folder") { () throws(VaultError) in try folder.whole() })
        guard let newest = known.first, !known.contains(where: { here.contains($0.name) }) else { return }
        throw CustodyFailure(
            "folder",
            "none of the \(known.count) backups that were made in \(directory) is there, the newest was \(newest.name);"
                + " mount its disk, or where they are gone for good: bursar backup forget NAME --reason TEXT"
        )
    }

    /// Removes what need not be kept, first in the book and then the files: what is listed is there, whenever this ends.
    ///
    /// What is off the list goes too where nothing wants it kept: a run that was killed in between has left it. What is
    /// missing stays on the list, since a disk may come back.
    private func rotate(_ context: JobContext) async throws -> [String] {
        let (folder, keep) = (folder, house.keep)
        let here = Set(try await step("rotate") { () throws(VaultError) in try folder.whole() })
        let known = try await recorded(context).filter { here.contains($0.name) }
        let removable = Self.removable(known.filter { $0.removedAt == nil }, keep)
        _ = try await context.chunk(
            select: { _, _ in removable },
            tenant: { _ in 0 },
            apply: { transaction, names, checkpoint in
                for name in names { _ = try await transaction.execute(BackupStatements.removed, name) }
                checkpoint.count("removed", names.count)
            }
        )
        let unlisted = Set(known.filter { $0.removedAt != nil }.map(\.name))
        let left = Self.removable(known, keep).filter { unlisted.contains($0) }
        for name in removable + left {
            try await step("rotate") { () throws(VaultError) in try folder.remove(name) }
        }
        return removable
    }

    private static func removable(_ backups: [RecordedBackup], _ keep: BackupKeep) -> [String] {
        let candidates = backups.map {
            BackupRotation.Candidate(name: $0.name, takenAt: $0.takenAt, verifiedAt: $0.verifiedAt)
        }
        return BackupRotation.removable(candidates, keep: keep)
    }

    /// Every dump that the database knows, those too that are off the list; the newest first.
    private func recorded(_ context: JobContext) async throws -> [RecordedBackup] {
        try await context.read { try await BackupBook.list(of: .dump, withRemoved: true, in: $0) }
    }
}

/// Does what blocks on a thread of its own, and names the step where it fails.
func step<Value: Sendable>(
    _ name: String,
    _ body: @escaping @Sendable () throws(VaultError) -> Value
) async throws(CustodyFailure) -> Value {
    do throws(VaultError) {
        return try await apart(body)
    } catch {
        throw CustodyFailure(name, error.reason, isPassing: error.code == .file)
    }
}
