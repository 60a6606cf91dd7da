import Engine
import JobKit
import Logging
import Postgres
import Testing
import TestSupport

@Suite("Providers")
struct ProviderTests {
    private struct Down: Error {}

    /// A run under way that calls the bank.
    private static func calling(_ body: (EngineWorld, JobContext, ClaimedRun) async throws -> Void) async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("calls", times: 1, tenant: nil)
            let run = try #require(try await world.look(as: "a").first)
            try await body(world, world.context(run), run)
        }
    }

    private static func wait(of error: any Error) -> Duration? {
        guard case .rateLimited(let wait)? = (error as? JobError)?.disposition else { return nil }
        return wait
    }

    @Test("Without a rate nothing is kept back, and a call that goes well leaves no trace")
    func unlimited() async throws {
        try await Self.calling { world, context, _ in
            for number in 1...20 {
                let answer = try await context.call("bank") { number }
                #expect(answer == number)
            }
            #expect(try await world.text("select failures::text from bursar.provider") == "0")
        }
    }

    @Test("Calls take tokens: a short wait is waited out, a long one puts the run off for as long as it takes")
    func tokens() async throws {
        try await Self.calling { world, context, _ in
            try await world.database.setUp("update bursar.provider set rate = 20, burst = 2, tokens = 2")
            let began = ContinuousClock.now
            for _ in 0..<6 { try await context.call("bank") {} }
            #expect(ContinuousClock.now - began >= .milliseconds(180), "four tokens at twenty a second")

            try await world.database.setUp(
                """
                update bursar.provider set rate = 0.01, tokens = 0, counted_at = clock_timestamp()
                """
            )
            do {
                try await context.call("bank") { Issue.record("it was called") }
                Issue.record("it waited")
            } catch {
                let wait = try #require(Self.wait(of: error))
                #expect(wait > .seconds(95) && wait <= .seconds(100))
            }
        }
    }

    @Test("A run that waits for its turn stops when it is told to")
    func waitIsBrokenOff() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("calls", times: 1, tenant: nil)
            let run = try #require(try await world.look(as: "a").first)
            try await world.database.setUp(
                """
                update bursar.provider set rate = 0.05, tokens = 0, counted_at = clock_timestamp()
                """
            )
            let signals = RunSignals()
            let context = world.context(run, signals: signals)
            let call = Task { try await context.call("bank", patience: .seconds(60)) {} }
            signals.handBack()
            await #expect(throws: HandedBack.self) { try await call.value }
        }
    }

    @Test(
        "Failures in a row open the circuit: calls wait, runs are not claimed, an alarm and an outage say so; a success closes it"
    )
    func circuit() async throws {
        try await Self.calling { world, context, _ in
            try await world.ask("calls", times: 3, tenant: nil)
            try await world.ask("by_key", times: 3, tenant: nil)
            // They have passed the gate before it shut.
            try await world.database.setUp("select bursar.admit('', 50)")
            for _ in 1...5 {
                await #expect(throws: Down.self) { try await context.call("bank") { throw Down() } }
            }
            await #expect { try await context.call("bank", patience: .zero) {} } throws: { Self.wait(of: $0) != nil }
            #expect(try await world.look(as: "a").isEmpty)
            #expect(try await world.text("select max(attempts)::text from bursar.run where state = 'ready'") == "0")
            try await world.lookout.look()
            #expect(try await world.text("select key from bursar.alarm where cleared_at is null") == "circuit:bank")
            #expect(
                try await world.text(
                    """
                    select subject || ' ' || upper_inf(during) from bursar.outage
                    """
                ) == "bank true"
            )
            #expect(try await world.desk.status().text.contains("\"open\": true"))

            // It has rested: one run may try, and one call.
            try await world.database.setUp("update bursar.provider set open_until = clock_timestamp()")
            #expect(try await world.look(as: "a").isEmpty, "the run under way is the one that tries")
            try await context.call("bank") {}
            #expect(
                try await world.text(
                    """
                    select failures || ' ' || coalesce(open_since::text, 'closed') from bursar.provider
                    """
                ) == "0 closed"
            )
            #expect(try await world.text("select upper_inf(during)::text from bursar.outage") == "false")
            #expect(try await world.look(as: "a").count == 5)
            try await world.lookout.look()
            #expect(try await world.text("select count(*)::text from bursar.alarm where cleared_at is null") == "0")
        }
    }

    @Test("After its rest one run tries; where that fails too the circuit rests again, and it stays one outage")
    func halfOpen() async throws {
        try await Self.calling { world, context, run in
            try await world.ask("calls", times: 3, tenant: nil)
            for _ in 1...5 { await #expect(throws: Down.self) { try await context.call("bank") { throw Down() } } }
            _ = try await world.store.end(run, .failed("no luck", wait: .seconds(900), anew: false))
            try await world.database.setUp("update bursar.provider set open_until = clock_timestamp()")
            let trial = try await world.look(as: "a")
            #expect(trial.count == 1)
            let trying = world.context(try #require(trial.first))
            await #expect(throws: Down.self) {
                try await trying.call("bank") {
                    await #expect { try await trying.call("bank", patience: .zero) {} } throws: {
                        Self.wait(of: $0) != nil
                    }
                    throw Down()
                }
            }
            #expect(
                try await world.text(
                    """
                    select (open_until > clock_timestamp())::text from bursar.provider
                    """
                ) == "true"
            )
            #expect(try await world.text("select count(*)::text from bursar.outage") == "1")
        }
    }

    @Test(
        "What the provider answered does not count against it: a refusal is an answer, and a time to wait is obeyed by every run"
    )
    func answers() async throws {
        try await Self.calling { world, context, _ in
            for _ in 1...9 {
                await #expect(throws: JobError.self) {
                    try await context.call("bank") { throw JobError(.permanent, "unknown account") }
                }
            }
            await #expect(throws: CancellationError.self) {
                try await context.call("bank") { throw CancellationError() }
            }
            #expect(try await world.text("select failures::text from bursar.provider") == "0")
            try await world.ask("calls", times: 1, tenant: nil)
            await #expect(throws: JobError.self) {
                try await context.call("bank") { throw JobError(.rateLimited(.seconds(40)), "429") }
            }
            await #expect { try await context.call("bank") {} } throws: {
                Self.wait(of: $0).map { $0 > .seconds(35) && $0 <= .seconds(40) } ?? false
            }
            #expect(try await world.look(as: "a").isEmpty)
            #expect(try await world.text("select count(*)::text from bursar.outage") == "0")
        }
    }

    @Test("A run that its provider puts off is snoozed for exactly so long and loses no attempt")
    func retryAfter() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("calls", tenants: [nil], retry: "{\"attempts\": 1}")
            let registry = EngineWorld.gatedRegistry { context in
                try await context.call("bank") { throw JobError(.rateLimited(.seconds(137)), "429 of the bank") }
            }
            let runner = Runner(registry: registry, database: world.pool, logger: Logger(label: "test"))
            for _ in 1...3 {
                let run = try #require(try await world.look(as: "a").first)
                await runner.work(run, signals: RunSignals())
                #expect(
                    try await world.text(
                        """
                        select r.state || ' ' || r.failures || ' ' || a.outcome || ' ' || round(extract(epoch from r.run_at - a.ended_at))
                        from bursar.run r join bursar.attempt a on a.run_id = r.id and a.number = r.attempts
                        """
                    ) == "snoozed 0 snoozed 137"
                )
                try await world.database.setUp(
                    "update bursar.run set run_at = clock_timestamp(); update bursar.provider set asked_to_wait_until = null"
                )
            }
        }
    }

    @Test("A dry run calls nobody")
    func dryRun() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.database.setUp("select bursar.enqueue('calls', dry_run => true)")
            let run = try #require(try await world.look(as: "a").first)
            await #expect { try await world.context(run).call("bank") { Issue.record("it was called") } } throws: {
                ($0 as? JobError)?.disposition == .permanent
            }
        }
    }

    @Test("An operator sees providers, sets their limits and closes a circuit, each with a reason on record")
    func desk() async throws {
        try await Self.calling { world, context, _ in
            let noted = Noted()
            let desk = ProviderDesk(database: world.pool) { _, note in
                await noted.add("\(note.kind) \(note.content.text)")
            }
            var settings = ProviderDesk.Settings()
            settings.rate = 2.5
            settings.atOnce = 4
            settings.rest = "90 seconds"
            try await desk.set("bank", settings, reason: "as agreed", by: "operator:test")
            #expect(
                try await world.text(
                    """
                    select rate || ' ' || at_once || ' ' || extract(epoch from rest)::integer from bursar.provider
                    """
                ) == "2.5 4 90"
            )
            var lift = ProviderDesk.Settings()
            lift.liftsRate = true
            try await desk.set("bank", lift, reason: "again", by: "operator:test")
            #expect(
                try await world.text(
                    """
                    select coalesce(rate::text, 'any') || ' ' || at_once from bursar.provider
                    """
                ) == "any 4"
            )
            await #expect(throws: ScheduleRefusal.self) {
                try await desk.set("bakn", lift, reason: "a slip", by: "operator:test")
            }
            await #expect(throws: ScheduleRefusal.self) {
                try await desk.close("bank", reason: "it is", by: "operator:test")
            }
            for _ in 1...5 { await #expect(throws: Down.self) { try await context.call("bank") { throw Down() } } }
            #expect(try await desk.list().text.contains("\"circuit\": \"open\""))
            try await desk.close("bank", reason: "they called", by: "operator:test")
            #expect(try await desk.list().text.contains("\"circuit\": \"closed\""))
            #expect(await noted.texts.count == 3)
            #expect(await noted.texts.last?.contains("they called") == true)
        }
    }

    private actor Noted {
        var texts: [String] = []

        func add(_ text: String) { texts.append(text) }
    }
}
