import Backup
import BackupVerification
import Billing
import CivilTime
import Custody
import Engine
import Events
import Glibc
import JobKit
import Logging
import Notices
import Payments
import Postgres
import Renewals
import Standing
import Tenancy
import TestSupport
import Testing
import Webhooks

/// A house with ten subscriptions that were renewed once, keys, and folders for its backups and drills.
struct CustodyWorld {
    let database: TestDatabase
    let pool: PostgresPool
    var house: BackupHouse

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all + StandingMigrations.all
        + CustodyMigrations.all

    static let invariants = Invariant.all + Invariant.payments + Invariant.standing

    static let recipe = DatabaseRecipe("custody", migrations: migrations) { database in
        try await database.setUp(
            """
            select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.', policy => '{"tax_rate_basis_points": 1000}');
            select bursar.create_plan_version(1, 'basic', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR');
            select bursar.create_tenant(1, 'T' || n, 'Tenant ' || n) from generate_series(1, 10) as n;
            select bursar.subscribe(n, 'S' || n, 'basic', '[{"price": "a"}]') from generate_series(1, 10) as n;
            """
        )
        try await database.withPool { pool in
            _ = try await work(Renewals(), Renewals.Parameters(), in: pool, database)
        }
    }

    /// One more row that a manifest counts.
    static let note = #"bursar.note(0, 'drill.failed', 'drill', 1, '{"told": "x", "backup": "y"}', null)"#

    static func open(_ body: (CustodyWorld) async throws -> Void) async throws {
        try await TestDatabase.with(recipe) { database in
            try await database.withPool(size: 6) { pool in
                // Where the server's own user may pass.
                var template = Array("/var/tmp/bursar-custody-XXXXXX".utf8CString)
                try #require(mkdtemp(&template) != nil)
                let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
                chmod(folder, 0o711)
                defer { _ = system("rm -rf '\(folder)'") }
                var house = BackupHouse(directory: "\(folder)/backups", scratch: "\(folder)/d")
                house.url = database.url(user: "bursar_backup")
                house.keyFile = "\(folder)/keys"
                house.recoveryKeyFile = "\(folder)/recovery"
                house.keeper = builtProgram
                try write("own \(Bench.currentDigits)\n", "\(folder)/keys")
                try write("recovery \(Bench.recoveryDigits)\n", "\(folder)/recovery")
                try await body(CustodyWorld(database: database, pool: pool, house: house))
            }
        }
    }

    /// The program beside the tests: it keeps the programs that they start.
    static let builtProgram: String = {
        if let named = getenv("BURSAR_TEST_PROGRAM") { return String(cString: named) }
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &bytes, bytes.count)
        let own = String(decoding: bytes.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/bursar"
    }()

    static func write(_ text: String, _ path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        fputs(text, file)
        fchmod(fileno(file), 0o600)
    }
}

extension CustodyWorld {
    /// Takes a backup, and answers with its name.
    @discardableResult
    func backUp(_ parameters: Backup.Parameters = Backup.Parameters()) async throws -> String {
        let house = house
        _ = try await Self.work(Backup { house }, parameters, in: pool, database)
        return try #require(try await backups().first?.name)
    }

    func backups() async throws -> [RecordedBackup] {
        try await pool.withTransaction(BackupBook.transaction) { try await BackupBook.list(in: $0) }
    }

    /// Runs a drill, and answers with its receipt as it was written down.
    func drill(
        _ parameters: BackupVerification.Parameters = BackupVerification.Parameters(),
        invariants: [Invariant] = CustodyWorld.invariants,
        rehearsal: DrillRehearsal? = { _, asOf in "would renew as of \(asOf)" }
    ) async throws -> RecordedDrill {
        let house = house
        let job = BackupVerification({ house }, invariants: invariants, rehearsal: rehearsal)
        do {
            _ = try await Self.work(job, parameters, in: pool, database)
        } catch let error as JobError {
            #expect(error.disposition == .permanent)
        }
        let drills = try await pool.withTransaction(BackupBook.transaction) { try await DrillBook.list(in: $0) }
        #expect(Self.entries(house.scratch) == [], "nothing is left of the drill")
        return try #require(drills.first)
    }

    func text(_ sql: String) async throws -> String {
        try await database.asSuperuser { connection in
            try await connection.query(Statement("test.text", "select (\(sql))::text as answer")).first?.get("answer")
                ?? ""
        }
    }

    /// What lies in a folder.
    static func entries(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// Works one run of a job, as a node would under a fence.
    static func work<Work: Job>(
        _ job: Work,
        _ parameters: Work.Parameters,
        in pool: PostgresPool,
        _ database: TestDatabase
    ) async throws -> Outcome {
        let made = try await database.asSuperuser { connection in
            try await connection.query(newRun.bind("\(Work.name)")).first?.get("id", as: Int64.self)
        }
        let asOf = try await pool.withTransaction(TransactionOptions(role: "bursar_ops")) {
            try await Invariant.businessNow(in: $0)
        }
        let run = RunIdentity(
            id: try #require(made),
            job: "\(Work.name)",
            schedule: nil,
            attempt: 1,
            fence: 7,
            asOf: asOf,
            isDryRun: false
        )
        let context = JobContext(
            run: run,
            checkpoint: Checkpoint(),
            database: pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
        let outcome = try await job.run(parameters, in: context)
        #expect(try await job.postcondition(parameters, in: context) == .held)
        return outcome
    }

    private static let newRun = Statement(
        "test.new_run",
        """
        insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
            attempts, fence, node_id)
        values ($1, 'running', bursar.business_now(), 'test', 8, interval '1 s', interval '1 s', 0, 1, 7, 'test')
        returning id
        """
    )
}
