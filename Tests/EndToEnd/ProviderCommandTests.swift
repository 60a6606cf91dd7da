import TestSupport
import Testing

@Suite("Providers and dead runs, as an operator works with them")
struct ProviderCommandTests {
    @Test(
        "Providers are listed, set and closed by hand, each act on record, and refused in words with their exit codes"
    )
    func providers() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try house.daemon("a")
            try await daemon.ready()
            #expect(try await house.bursar("providers", "list").output == "none\n")
            try await house.database.setUp("insert into bursar.provider (name) values ('bakong')")

            let set = try await house.bursar(
                "providers",
                "set",
                "bakong",
                "--rate",
                "5",
                "--burst",
                "10",
                "--at-once",
                "4",
                "--rest",
                "2m",
                "--reason",
                "as agreed"
            )
            #expect(set.status == 0, "\(set)")
            let list = try await house.bursar("providers", "--json")
            #expect(list.output.contains("\"rate\": 5") && list.output.contains("\"rest_seconds\": 120"), "\(list)")
            #expect(
                try await house.bursar("providers", "set", "bakong", "--at-once", "none", "--reason", "any").status == 0
            )
            #expect(
                try await house.value("select rate || ' ' || coalesce(at_once::text, 'any') from bursar.provider")
                    == "5 any"
            )

            #expect(try await house.bursar("providers", "set", "bakong", "--rate", "0", "--reason", "x").status == 64)
            #expect(try await house.bursar("providers", "set", "bakong", "--reason", "x").status == 64)
            let unknown = try await house.bursar("providers", "set", "bakng", "--rate", "1", "--reason", "x")
            #expect(
                unknown.status == 65 && unknown.errors.contains("no job calls a provider named bakng"),
                "\(unknown)"
            )
            #expect(try await house.bursar("providers", "close", "bakong", "--reason", "x").status == 65)

            try await house.database.setUp(
                """
                select bursar.call_ended('bakong', false, 'no answer') from generate_series(1, 5)
                """
            )
            #expect(try await house.bursar("providers").output.contains("open"))
            #expect(try await house.bursar("status").output.contains("bakong"))
            #expect(try await house.bursar("providers", "close", "bakong", "--reason", "they called").status == 0)
            #expect(
                try await house.list("select kind from bursar.event where kind like 'provider.%' order by id")
                    == ["provider.set", "provider.set", "provider.closed"]
            )
        }
    }

    @Test(
        "Parameters that SQL brought and the job does not know make runs dead at once, and many are tried again by a plan"
    )
    func retryMany() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try house.daemon("a")
            try await daemon.ready()
            try await house.database.setUp(
                "select count(*) from bursar.enqueue_many('renewals', array_fill('{\"chunk\": \"many\"}'::jsonb, array[3]))"
            )
            try await waitUntil("all are dead") {
                try await house.value(
                    "select (count(*) = 3)::text from bursar.run_history where state = 'dead' and attempts = 1"
                ) == "true"
            }
            let shown = try await house.bursar("runs", "list", "--state", "dead")
            #expect(shown.output.contains("the parameters are not those of renewals"), "\(shown)")

            let plan = try await house.bursar("runs", "retry", "--job", "renewals")
            #expect(plan.status == 0 && plan.output.contains("3"), "\(plan)")
            #expect(
                try await house.bursar("runs", "retry", "--job", "renewals", "--yes", "2", "--reason", "mended").status
                    == 75
            )
            #expect(try await house.bursar("runs", "retry", "--job", "renewals", "--yes", "3").status == 64)
            let done = try await house.bursar(
                "runs",
                "retry",
                "--job",
                "renewals",
                "--yes",
                "3",
                "--reason",
                "mended",
                "--json"
            )
            #expect(done.status == 0, "\(done)")
            try await waitUntil("they were tried again") {
                try await house.value("select (count(*) = 6)::text from bursar.run_history where state = 'dead'")
                    == "true"
            }
        }
    }
}
