import JobKit
import Outbound
import Postgres
import TestSupport
import Testing

@testable import Payments

@Suite("The journal of Bakong's calls")
struct BakongJournalTests {
    private struct Killed: Error {}

    @Test("Every call has a row before it is made, and its outcome after it")
    func rows() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let database = world.database
            let bakong = StubBakong { request, number in
                let underWay = try await database.asSuperuser { connection in
                    try await connection.query(
                        .init("test.open", "select endpoint from bursar.bakong_call where outcome is null")
                    )
                    .map { try $0.get(0, as: String.self) }
                }
                #expect(underWay == [number == 1 ? "check_transaction_by_md5_list" : "check_transaction_by_hash"])
                return number == 1
                    ? .success(
                        "[" + request.keys.map { "{\"md5\":\"\($0)\",\"status\":\"NOT_FOUND\"}" }.joined(separator: ",")
                            + "]"
                    )
                    : HTTPResponse(503, "<html>gone</html>")
            }
            let calls = try world.calls(bakong)
            _ = try await calls.lookup(md5s: [md5Like(1), md5Like(2)])
            _ = try await calls.lookup(hash: String(repeating: "a", count: 64))
            let rows = try await world.rows(
                """
                select endpoint, keys, outcome, status, response_code, fault, excerpt, actor, bytes > 0 as has_bytes,
                    duration_ms >= 0 as has_duration, cardinality(key_list) as listed, length(keys_digest) as digest
                from bursar.bakong_call order by id
                """
            )
            #expect(rows.count == 2)
            let (first, second) = (try #require(rows.first), try #require(rows.last))
            #expect(try first.get("endpoint") == "check_transaction_by_md5_list")
            #expect(try first.get("outcome") == "answered" && first.get("keys", as: Int.self) == 2)
            #expect(try first.get("status", as: Int.self) == 200 && first.get("response_code", as: Int.self) == 0)
            #expect(try first.get("actor") == "operator:test" && first.get("has_bytes") && first.get("has_duration"))
            #expect(try first.get("listed", as: Int.self) == 2 && first.get("digest", as: Int.self) == 32)
            #expect(try second.get("outcome") == "failed")
            #expect(try second.get("fault") == "server_error")
            #expect(try second.get("excerpt") == "<html>gone</html>")
        }
    }

    @Test("A call whose process died in between is unknown once its time is over; what is learned late counts more")
    func killed() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let dying = StubBakong { _, _ in throw Killed() }
            await #expect(throws: Killed.self) { try await world.calls(dying).lookup(md5: md5Like(1)) }
            #expect(try await world.text("select coalesce(outcome, 'none') from bursar.bakong_call") == "none")
            let living = StubBakong { _, _ in .notFound }
            _ = try await world.calls(living).lookup(md5: md5Like(2))
            let outcomes = "select string_agg(coalesce(outcome, 'none'), ' ' order by id) from bursar.bakong_call"
            #expect(try await world.text(outcomes) == "none answered", "it may still be under way")
            try await world.database.setUp(
                "update bursar.bakong_call set give_up_at = clock_timestamp() where outcome is null"
            )
            _ = try await world.calls(living).lookup(md5: md5Like(3))
            #expect(try await world.text(outcomes) == "unknown answered answered")
            await BakongJournal(context: world.context).conclude(1, BakongOutcome(status: 200))
            #expect(try await world.text(outcomes) == "answered answered answered")
            await BakongJournal(context: world.context).conclude(1, BakongOutcome(fault: .timeout))
            #expect(try await world.text(outcomes) == "answered answered answered")
        }
    }

    @Test("A call that is cancelled is unknown, and the caller is told to stop")
    func cancelled() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let bakong = StubBakong { _, _ in
                throw OutboundError(code: .cancelled, endpoint: "x", message: "", mayHaveArrived: true)
            }
            await #expect(throws: CancellationError.self) { try await world.calls(bakong).lookup(md5: md5Like(1)) }
            #expect(try await world.text("select outcome from bursar.bakong_call") == "unknown")
            #expect(try await world.text("select failures::text from bursar.provider") == "0")
        }
    }

    @Test("No token, e-mail, code or key is in the journal, in any other row, in the log, or in an error")
    func secrets() async throws {
        try await BakongWorld.with { world in
            let (old, new) = (BakongWorld.token(1), BakongWorld.token(2))
            try await world.store(old)
            try await world.database.setUp("update bursar.bakong_renewal set next_try_at = null")
            // It repeats everything that it is sent.
            let bakong = StubBakong { request, number in
                let all = request.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n") + request.text
                if number == 2 { return .success("{\"token\":\"\(new)\"}") }
                if request.isFor(.renewToken) { return HTTPResponse(200, "token: \(new) for \(all)") }
                return HTTPResponse([401, 500, 403, 502, 200, 418][number % 6], all)
            }
            var told: [String] = []
            let client = try world.client(bakong)
            let calls = client.within(world.context)
            for turn in 1...12 {
                try await world.database.setUp(
                    """
                    update bursar.provider set failures = 0, open_since = null, open_until = null;
                    update bursar.bakong_renewal set next_try_at = null, token_id = null
                    """
                )
                told.append("\(try await calls.lookup(md5: md5Like(turn)))")
                do {
                    try await calls.requestToken(
                        email: BakongSecret("other@example.com"),
                        organization: "o",
                        project: "p"
                    )
                } catch {
                    told.append("\(error)")
                }
                do { _ = try await calls.verify(code: BakongSecret("the-code-of-a-mail")) } catch {
                    told.append("\(error)")
                }
                told.append("\(try await calls.account("somebody@bank"))")
            }
            var dumped = ""
            dump(client.settings, to: &dumped)
            told.append(dumped)
            for table in ["bakong_call", "bakong_renewal", "provider", "outage", "bakong_token"] {
                told += try await world.rows("select to_jsonb(t)::text from bursar.\(table) t").map { try $0.get(0) }
            }
            let text = (told + world.log.lines).joined(separator: "\n")
            #expect(bakong.requests.count > 40)
            let secrets = [
                old, new, BakongWorld.email, BakongWorld.key, "other@example.com", "the-code-of-a-mail",
                "somebody@bank",
            ]
            for secret in secrets { #expect(!text.contains(secret), "\(secret)") }
            #expect(!text.contains("signature-"))
        }
    }
}
