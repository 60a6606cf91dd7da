import Backup
import BackupVerification
import Custody
import Glibc
import Postgres
import TestSupport
import Testing

/// A cluster of its own whose log goes into a repository of pgBackRest, encrypted, all of it in folders of the test.
struct PhysicalWorld {
    let custody: CustodyWorld
    let cluster: PrivateCluster
    let folder: String

    var configuration: String { "\(folder)/pgbackrest.conf" }
    var repository: String { "\(folder)/repo" }
    var house: BackupHouse { custody.house }

    static func open(
        _ recipe: DatabaseRecipe = CustodyWorld.recipe,
        _ body: (PhysicalWorld) async throws -> Void
    ) async throws {
        let cluster = try await TestCluster.separate("physical")
        let database = try await TestDatabase.made(by: recipe, in: cluster)
        var template = Array("/var/tmp/bursar-physical-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(folder, 0o711)
        defer { _ = system("rm -rf '\(folder)'") }
        try prepare(folder, cluster)
        // All that pgBackRest needs of the database, as docs/pgbackrest.md has it.
        try await database.setUp(
            """
            create role archivist login;
            grant pg_read_all_settings to archivist;
            grant execute on function pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_create_restore_point(text),
                pg_switch_wal() to archivist;
            """
        )
        try await database.setUp("alter system set archive_mode = on")
        try await database.setUp(
            "alter system set archive_command = '/usr/bin/pgbackrest --config=\(folder)/pgbackrest.conf --stanza=main archive-push %p'"
        )
        try await cluster.restart()
        try await database.withPool(size: 6) { pool in
            var house = BackupHouse(directory: "\(folder)/backups", scratch: "\(folder)/d")
            house.url = database.url(user: "bursar_backup")
            house.keeper = CustodyWorld.builtProgram
            let custody = CustodyWorld(database: database, pool: pool, house: house)
            let world = PhysicalWorld(custody: custody, cluster: cluster, folder: folder)
            #expect(world.pgbackrest("stanza-create") == 0)
            try await body(world)
        }
        try await cluster.destroy()
    }

    private static func prepare(_ folder: String, _ cluster: PrivateCluster) throws {
        let text = """
            [global]
            repo1-path=\(folder)/repo
            repo1-cipher-type=aes-256-cbc
            repo1-cipher-pass=not-for-production
            repo1-retention-full=1
            compress-level=1
            process-max=2
            start-fast=y
            archive-timeout=20
            log-path=\(folder)/log
            log-level-file=off
            lock-path=\(folder)/lock
            spool-path=\(folder)/spool
            [main]
            pg1-path=\(cluster.dataDirectory)
            pg1-socket-path=\(cluster.settings.socketDirectory)
            pg1-port=\(cluster.settings.port)
            pg1-user=archivist
            pg1-database=prepared

            """
        try CustodyWorld.write(text, "\(folder)/pgbackrest.conf")
        for name in ["repo", "log", "lock", "spool"] { mkdir("\(folder)/\(name)", 0o750) }
        if geteuid() == 0 {
            let names = ["pgbackrest.conf", "repo", "log", "lock", "spool"].map { "'\(folder)/\($0)'" }
            #expect(system("chown postgres:postgres \(names.joined(separator: " "))") == 0)
        }
    }

    var engine: BackupEngineParameters { BackupEngineParameters(.pgBackRest, configuration: configuration) }

    /// Calls pgBackRest by hand, as the server's user.
    func pgbackrest(_ words: String) -> Int32 {
        let other = geteuid() == 0 ? "runuser -u postgres --" : ""
        return system(
            "cd /; \(other) /usr/bin/pgbackrest --config='\(configuration)' --stanza=main \(words) >/dev/null 2>&1"
        )
    }

    @discardableResult
    func backUp(_ type: PgBackRestPlace.Kind = .full) async throws -> String {
        try await custody.backUp(Backup.Parameters(engine: engine, type: type))
    }

    func drill(_ change: (inout BackupVerification.Parameters) -> Void = { _ in }) async throws -> RecordedDrill {
        var parameters = BackupVerification.Parameters(engine: engine)
        change(&parameters)
        return try await custody.drill(parameters)
    }

    /// The files below a folder of the repository whose names begin so.
    func files(below path: String, beginning start: String) -> [String] {
        CustodyWorld.entries("\(repository)/\(path)").flatMap { name -> [String] in
            let inner = files(below: "\(path)/\(name)", beginning: start)
            return inner.isEmpty && name.hasPrefix(start) ? ["\(repository)/\(path)/\(name)"] : inner
        }
    }
}
