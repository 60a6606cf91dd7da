import Postgres
import TestSupport
import Testing

@Suite("Bad input to commands")
struct BadInputTests {
    /// A command line that must be refused, and what must be said.
    struct Case: Sendable, CustomTestStringConvertible {
        let arguments: [String]
        var settings: [String: String] = [:]
        let status: Int32
        let says: [String]

        var testDescription: String { arguments.joined(separator: " ") + " \(settings.keys.sorted())" }
    }

    static let cases = [
        Case(
            arguments: ["run", "renewal"],
            status: 64,
            says: [
                "no job named renewal",
                "try: use one of: bakong-reconciliation, callback-verification, command, dunning, notice-delivery, renewals",
            ]
        ),
        Case(arguments: ["run", "renewals", "--param", "chunk"], status: 64, says: ["--param chunk", "name=value"]),
        Case(arguments: ["run", "renewals", "--param", "chunk=many"], status: 65, says: ["chunk", "many"]),
        Case(arguments: ["run", "renewals", "--param", "chunk=0"], status: 65, says: ["chunk", "1"]),
        Case(arguments: ["run", "renewals", "--param", "chunks=5"], status: 65, says: ["chunks", "chunk"]),
        Case(
            arguments: ["run", "renewals", "--as-of", "yesterday"],
            status: 65,
            says: ["yesterday", "RFC 3339|2026-"]
        ),
        Case(arguments: ["frobnicate"], status: 64, says: ["frobnicate|Unexpected"]),
        Case(arguments: ["verify", "I99"], status: 64, says: ["I99", "I1"]),
        Case(arguments: ["status"], status: 69, says: ["no daemon answers", "bursar serve"]),
        Case(arguments: ["migrate", "status", "--set", "node.slot=8"], status: 64, says: ["node.slot", "node.slots"]),
        Case(
            arguments: ["verify"],
            settings: ["BURSAR_NODE_LEASE": "soon"],
            status: 78,
            says: ["BURSAR_NODE_LEASE", "soon"]
        ),
        Case(
            arguments: ["verify"],
            settings: ["BURSAR_DATABASE_URL": "postgresql://bursar@/bursar?host=/nowhere"],
            status: 69,
            says: ["cannot be reached", "database.url"]
        ),
        Case(
            arguments: ["run", "renewals", "--here"],
            settings: ["BURSAR_DATABASE_URL": "postgresql://bursar@/bursar?host=/nowhere"],
            status: 69,
            says: ["cannot be reached", "database.url"]
        ),
        Case(
            arguments: ["dev", "up"],
            settings: ["BURSAR_ENVIRONMENT": "production"],
            status: 77,
            says: ["refused in production"]
        ),
        Case(
            arguments: ["demo", "load"],
            settings: ["BURSAR_ENVIRONMENT": "production"],
            status: 77,
            says: ["production"]
        ),
    ]

    @Test("It is refused in words with a remedy and the right exit code, and nothing is lost", arguments: cases)
    func refused(_ wrong: Case) async throws {
        try await House.with(Portfolio.empty) { house in
            let result = try await house.bursar(wrong.arguments, settings: wrong.settings)
            #expect(result.status == wrong.status, "\(result)")
            for words in wrong.says {
                #expect(words.split(separator: "|").contains { result.errors.contains($0) }, "\(words) in \(result)")
            }
            let runs: Int = try await house.value("select count(*) from bursar.run")
            #expect(runs == 0)
        }
    }

    @Test("With --json an error is one object with the exit code, what was wrong and what to do")
    func asJSON() async throws {
        try await House.with(Portfolio.empty) { house in
            let result = try await house.bursar("run", "renewal", "--json")
            #expect(result.status == 64)
            for part in [#""error":"there is no job named renewal""#, #""exit_status":64"#, #""remedy":"#] {
                #expect(result.errors.replacing(" ", with: "").contains(part.replacing(" ", with: "")), "\(result)")
            }
        }
    }

    @Test("A role that the database refuses is told from a database that is away: exit code 77 and who was refused")
    func roleRefused() async throws {
        try await House.with(Portfolio.empty) { house in
            let login = "refused_\(house.database.name)"
            try await house.query("create role \(login) nologin")
            for user in [login, "nobody_\(house.database.name)"] {
                for arguments in [["verify"], ["migrate", "status"], ["run", "renewals", "--here"], ["serve"]] {
                    let settings = ["BURSAR_DATABASE_URL": house.database.url(user: user)]
                    let result = try await house.bursar(arguments, settings: settings)
                    #expect(result.status == 77, "\(result)")
                    #expect(result.errors.contains("refuses the login") && result.errors.contains(user), "\(result)")
                    #expect(result.errors.contains("try: check user and password"), "\(result)")
                }
            }
            try await house.query("drop role \(login)")
        }
    }

    @Test("A login without the roles of Bursar is refused with 77, and told where to look")
    func roleWithoutRights() async throws {
        try await House.with(Portfolio.empty) { house in
            let login = "powerless_\(house.database.name)"
            try await house.query("create role \(login) login")
            for arguments in [["verify"], ["run", "renewals", "--here"]] {
                let settings = ["BURSAR_DATABASE_URL": house.database.url(user: login)]
                let result = try await house.bursar(arguments, settings: settings)
                #expect(result.status == 77, "\(result)")
                #expect(result.errors.contains("try:"), "\(result)")
            }
            try await house.query("drop role \(login)")
        }
    }

    @Test("Every command that asks the database says how to bring up a schema that is too old, with exit code 78")
    func olderSchema() async throws {
        let older = Array(Portfolio.migrations.sorted { $0.number < $1.number }.dropLast())
        try await TestDatabase.with(migrations: older) { database in
            try await House.with(database) { house in
                for arguments in [["run", "renewals", "--here"], ["serve"]] {
                    let result = try await house.bursar(arguments)
                    #expect(result.status == 78, "\(result)")
                    #expect(result.errors.contains("bursar migrate up"), "\(result)")
                }
                let status = try await house.bursar("migrate", "status")
                #expect(status.status == 1 && status.output.contains("missing"), "\(status)")
                let settings = ["BURSAR_DATABASE_MIGRATION_URL": database.url(user: "postgres")]
                let up = try await house.bursar("migrate", "up", settings: settings)
                #expect(up.status == 0, "\(up)")
                #expect(try await house.bursar("migrate", "status").status == 0)
            }
        }
    }

    @Test("A schema that is newer than the program is refused with exit code 78, and the release to install is named")
    func newerSchema() async throws {
        try await House.with(Portfolio.empty) { house in
            try await house.query(
                "insert into bursar.schema_migration (number, name, checksum) values (9999, 'from_the_future', repeat('0', 64))"
            )
            for arguments in [["run", "renewals", "--here"], ["serve"], ["migrate", "up"]] {
                let settings = ["BURSAR_DATABASE_MIGRATION_URL": house.database.url(user: "postgres")]
                let result = try await house.bursar(arguments, settings: settings)
                #expect(result.status == 78, "\(result)")
                #expect(result.errors.contains("newer") && result.errors.contains("try:"), "\(result)")
            }
        }
    }

    @Test(
        "A disk that is full stops the attempt and nothing else: it is told, nothing is lost, and the next attempt goes on"
    )
    func diskFull() async throws {
        try await House.with(Portfolio.small) { house in
            try await house.database.setUp(
                """
                create table public.disk (full_after bigint);
                insert into public.disk values (50);
                grant select on public.disk to public;
                create function public.disk_full() returns trigger language plpgsql security definer as $$
                begin
                    if (select count(*) from bursar.invoice) >= (select full_after from public.disk) then
                        raise exception 'could not extend file "base/1/1": No space left on device'
                            using errcode = '53100', hint = 'Check free disk space.';
                    end if;
                    return null;
                end $$;
                create trigger disk_full before insert on bursar.invoice for each statement execute function public.disk_full();
                """
            )
            let daemon = try house.daemon("a")
            let run = try await house.askForRenewals(chunk: 10, attempts: 100)
            try await waitUntil("the attempt has failed") { (try await house.run(run).failures ?? 0) >= 1 }
            let failed = try await house.run(run)
            #expect(failed.outcome?.contains("No space left on device") ?? false, "\(failed)")
            let issued: Int = try await house.value("select count(*) from bursar.invoice")
            #expect(issued == 50)
            #expect(daemon.process.ended == nil)
            try await house.query("update public.disk set full_after = 1000000")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            let parked: Int = try await house.value(
                "select count(*) from bursar.subscription where parked_at is not null"
            )
            #expect(parked == 0, "a full disk is nobody's fault, and parks nobody")
            try await Ledger.expectSound(house, run: run)
        }
    }
}
