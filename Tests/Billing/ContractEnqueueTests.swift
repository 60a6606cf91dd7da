internal import TestSupport
internal import Testing

@Suite("Work asked for by another program, with SQL")
struct ContractEnqueueTests {
    @Test("Requests of one call are answered in their order, and a key that comes twice in it is one run")
    func dedupeInBatch() async throws {
        try await withEmptySchema { client in
            let answer = try await client.value(
                """
                select place, run_id - min(run_id) over (), created from bursar.enqueue_many('renewals',
                    array['{"chunk": 5}', '{"chunk": 6}', '{"chunk": 5}', '{"chunk": 5}']::jsonb[],
                    dedupe_keys => array['a', 'b', 'a', null]);
                select count(*) from bursar.client_run;
                """
            )
            #expect(answer == "1|0|t\n2|1|t\n3|0|f\n4|3|t\n3")
            let again = try await client.value(
                "select place, created from bursar.enqueue_many('renewals', array['{\"chunk\": 6}', '{}']::jsonb[], dedupe_keys => array['b', 'c'])"
            )
            #expect(again == "1|f\n2|t")
        }
    }

    @Test("The same key of two tenants is two runs")
    func keysAreOfTenants() async throws {
        try await withEmptySchema { client in
            let answer = try await client.value(
                """
                select count(*) filter (where created) from bursar.enqueue_many('renewals', array_fill('{}'::jsonb, array[3]),
                    tenants => array[1, 2, 1], dedupe_keys => array['a', 'a', 'a'])
                """
            )
            #expect(answer == "2")
        }
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let call: String
        let words: String

        var testDescription: String { call }
    }

    static let refusals = [
        Refusal(
            call:
                "bursar.enqueue_many('renewals', array['{}', '{\"chunk\": 7}']::jsonb[], dedupe_keys => array['k', 'k'])",
            words: "was used with other parameters"
        ),
        Refusal(
            call: "bursar.enqueue_many('renewals', array['{\"chunk\": 9}']::jsonb[], dedupe_keys => array['known'])",
            words: "was used with other parameters"
        ),
        Refusal(
            call: "bursar.enqueue('renewals', '{\"chunk\": 9}', dedupe_key => 'known')",
            words: "was used with other parameters"
        ),
        Refusal(
            call: "bursar.enqueue_many('renewals', array['{}']::jsonb[], priority => 101)",
            words: "between -100 and 100"
        ),
        Refusal(call: "bursar.enqueue('renewals', priority => -101)", words: "between -100 and 100"),
        Refusal(call: "bursar.enqueue_many('', array['{}']::jsonb[])", words: "needs the name of a job"),
        Refusal(call: "bursar.enqueue_many('renewals', null)", words: "a list with one JSON object a run"),
        Refusal(
            call: "bursar.enqueue_many('renewals', array[array['{}']]::jsonb[])",
            words: "a list with one JSON object a run"
        ),
        Refusal(call: "bursar.enqueue_many('renewals', array['{}', null]::jsonb[])", words: "are a JSON object"),
        Refusal(call: "bursar.enqueue_many('renewals', array['[]', '7']::jsonb[])", words: "are a JSON object"),
        Refusal(call: "bursar.enqueue('renewals', '7')", words: "are a JSON object"),
        Refusal(
            call: "bursar.enqueue_many('renewals', array['{}']::jsonb[], tenants => array[1, 2])",
            words: "as long as parameters"
        ),
        Refusal(
            call: "bursar.enqueue_many('renewals', array['{}', '{}']::jsonb[], dedupe_keys => array['a'])",
            words: "as long as parameters"
        ),
        Refusal(
            call: "bursar.enqueue_many('renewals', array['{}']::jsonb[], retry => '{\"attempts\": 0}')",
            words: "a value of retry"
        ),
        Refusal(call: "bursar.enqueue('renewals', run_at => 'infinity')", words: "infinity is none"),
    ]

    @Test("What cannot be is refused in words, and nothing of it is left", arguments: refusals)
    func refused(_ refusal: Refusal) async throws {
        try await withEmptySchema { client in
            _ = try await client.value("select bursar.enqueue('renewals', dedupe_key => 'known')")
            let answer = try await client.run("select * from \(refusal.call)")
            #expect(
                answer.complaint.contains("BU003") && answer.complaint.contains(refusal.words),
                "\(answer.complaint)"
            )
            #expect(answer.complaint.contains("HINT:"))
            #expect(try await client.value("select count(*) from bursar.client_run") == "1")
        }
    }

    @Test("A run for later waits for its time, one whose time has passed is ready")
    func runAt() async throws {
        try await withEmptySchema { client in
            let answer = try await client.value(
                """
                select bursar.enqueue('renewals', run_at => clock_timestamp() + interval '1 hour');
                select * from bursar.enqueue_many('renewals', array['{}']::jsonb[], run_at => clock_timestamp() + interval '1 hour');
                select * from bursar.enqueue_many('renewals', array['{}']::jsonb[], run_at => clock_timestamp() - interval '1 hour');
                select state from bursar.client_run order by id;
                """
            )
            #expect(answer.split(separator: "\n").suffix(3) == ["scheduled", "scheduled", "ready"])
        }
    }

    @Test("A transaction that is rolled back leaves neither runs nor keys")
    func rolledBack() async throws {
        try await withEmptySchema { client in
            let answer = try await client.value(
                """
                begin;
                select count(*) from bursar.enqueue_many('renewals', array_fill('{}'::jsonb, array[100]),
                    dedupe_keys => array(select 'k' || n from generate_series(1, 100) as n));
                select created from bursar.enqueue('renewals', dedupe_key => 'one');
                rollback;
                select count(*) from bursar.client_run;
                select created from bursar.enqueue('renewals', dedupe_key => 'k7');
                """
            )
            #expect(answer == "100\nt\n0\nt")
        }
    }

    @Test("Ten thousand in one call are ten thousand runs, and the same call again makes none")
    func tenThousand() async throws {
        try await withEmptySchema { client in
            let call = """
                select count(*), count(*) filter (where created), min(place), max(place) from bursar.enqueue_many('renewals',
                    array(select jsonb_build_object('chunk', n) from generate_series(1, 10000) as n),
                    tenants => array(select n % 100 + 1 from generate_series(1, 10000) as n),
                    dedupe_keys => array(select 'k' || n from generate_series(1, 10000) as n));
                """
            let first = try await client.value(call)
            #expect(first == "10000|10000|1|10000")
            #expect(try await client.value(call) == "10000|0|1|10000")
            #expect(try await client.value("select count(*) from bursar.client_run") == "10000")
        }
    }

    @Test("Two programs that ask for the same keys at the same moment get the same runs")
    func sideBySide() async throws {
        try await withEmptySchema { client in
            let call = """
                select string_agg(run_id::text, ',' order by place) from bursar.enqueue_many('renewals', array_fill('{}'::jsonb, array[300]),
                    dedupe_keys => array(select 'k' || n from generate_series(1, 300) as n));
                """
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<6 { group.addTask { try await client.value(call) } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
            #expect(
                try await client.value("select string_agg(id::text, ',' order by id) from bursar.client_run")
                    == answers.first
            )
        }
    }

    @Test("A cancelled run that waits is over at once; one that ended says so; one that never was is refused")
    func cancel() async throws {
        try await withEmptySchema { client in
            let answer = try await client.value(
                """
                select run_id as run from bursar.enqueue('renewals') \\gset
                select bursar.cancel(:run, 'no need');
                select bursar.cancel(:run);
                select state from bursar.client_run where id = :run;
                """
            )
            #expect(answer == "cancelled\nended\ncancelled")
            #expect(try await client.run("select bursar.cancel(999999)").complaint.contains("BU004"))
        }
    }
}
