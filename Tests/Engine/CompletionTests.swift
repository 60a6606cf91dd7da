import JobKit
import Logging
import Postgres
import TestSupport
import Testing

@testable import Engine

@Suite("Runs that end together")
struct CompletionTests {
    @Test("Of many that end in one statement, one whose fence is stale is left alone, and the others end")
    func staleFenceFailsAlone() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<5 { try await world.enqueue(upTo: 1) }
            let claimed = try await world.claim(as: "a")
            let stolen = claimed[2].identity.id
            try await world.database.setUp("update bursar.run set fence = nextval('bursar.fence') where id = \(stolen)")
            let ended = try await world.store.finish(claimed.map { ($0.identity, "done") })
            #expect(ended == Set(claimed.map(\.identity.id)).subtracting([stolen]))
            #expect(try await world.text("select string_agg(id::text, ',') from bursar.run") == "\(stolen)")
            #expect(
                try await world.text("select count(*)::text from bursar.run_history where state = 'succeeded'") == "4"
            )
            let open = try await world.text(
                "select string_agg(run_id::text, ',') from bursar.attempt where ended_at is null"
            )
            #expect(open == "\(stolen)")
        }
    }

    @Test("A run that was handed back and not claimed again is not ended by the one that had it")
    func handedBack() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 1)
            let claimed = try #require(try await world.claim(as: "a").first)
            #expect(try await world.store.end(claimed, .handedBack))
            #expect(try await world.store.finish([(claimed.identity, "done")]).isEmpty)
            #expect(try await world.text("select state from bursar.run") == "ready")
        }
    }

    @Test("Everything that was kept for a run ends with it: its dedupe key begins to expire, its cancel request goes")
    func keptThings() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 1, key: "once")
            let claimed = try #require(try await world.claim(as: "a").first)
            #expect(
                try await world.desk.cancel(claimed.identity.id, reason: "too late", by: "operator:test") == "asked"
            )
            #expect(try await world.store.finish([(claimed.identity, "done")]) == [claimed.identity.id])
            #expect(
                try await world.text("select (expires_at > now() + interval '29 days')::text from bursar.dedupe")
                    == "true"
            )
            #expect(try await world.text("select count(*)::text from bursar.run_cancel") == "0")
        }
    }

    @Test("Whoever finishes a run waits for the database's word; many that finish at once share a statement")
    func batches() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<10 { try await world.enqueue(upTo: 1) }
            let claimed = try await world.claim(as: "a")
            let completions = Completions(store: world.store, logger: Logger(label: "test"))
            let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
                for run in claimed { group.addTask { try await completions.finish(run.identity, "done") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers == Array(repeating: true, count: 10))
            let statements = try await world.text("select count(distinct xmin::text)::text from bursar.run_history")
            #expect(
                try #require(statements.flatMap { Int($0) }) <= 3,
                "ten runs ended in \(statements ?? "") transactions"
            )
        }
    }
}

@Suite("Work that nobody waits for")
struct LeftBehindTests {
    @Test(
        "A success that is handed over is told of when it is written; one whose fence is stale is told of as not written"
    )
    func handedOver() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<3 { try await world.enqueue(upTo: 1) }
            let claimed = try await world.claim(as: "a")
            let stolen = claimed[1].identity.id
            try await world.database.setUp("update bursar.run set fence = nextval('bursar.fence') where id = \(stolen)")
            let (told, tell) = AsyncStream.makeStream(of: (run: Int64, isWritten: Bool).self)
            let completions = Completions(store: world.store, logger: Logger(label: "test")) { successes, result in
                let written = (try? result.get()) ?? []
                for success in successes {
                    let run = success.run.identity.id
                    tell.yield((run, written.contains(run)))
                }
            }
            for run in claimed {
                completions.handOver(Success(run: run, signals: RunSignals(), outcome: "done", began: .now))
            }
            var answers: [Int64: Bool] = [:]
            for await answer in told {
                answers[answer.run] = answer.isWritten
                if answers.count == 3 { break }
            }
            #expect(answers.filter { !$0.value }.map(\.key) == [stolen])
            #expect(try await world.text("select string_agg(id::text, ',') from bursar.run") == "\(stolen)")
        }
    }

    @Test("A node ends runs side by side, and a run has its slot until its end is written")
    func slotsAreHeld() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<50 { try await world.enqueue(upTo: 1) }
            try await withService(try world.node(LedgerJob(), slots: 3)) {
                try await waitUntil("all have ended") {
                    let more = try await world.text(
                        "select (count(*) > 3)::text from bursar.run where state = 'running'"
                    )
                    #expect(more == "false", "more runs than slots")
                    return try await world.text(
                        "select count(*)::text from bursar.run_history where state = 'succeeded'"
                    )
                        == "50"
                }
            }
        }
    }

    @Test(
        "Abandoned work that ignores its end is left behind: its slot is free, and what it comes to is not told again"
    )
    func ignoresItsEnd() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<2 { try await world.enqueue(upTo: 1) }
            let claimed = try await world.claim(as: "a")
            let crew = Crew(nodeID: "a", slots: 2)
            let members = crew.begin(claimed)
            let (endless, release) = AsyncStream.makeStream(of: Void.self)
            // The second of them does not hear of its cancellation.
            let deaf = Task { await Task { for await _ in endless {} }.value }
            crew.work(members, in: [Task {}, deaf])
            #expect(crew.freeSlots == 0)
            let abandoned = crew.abandonAll()
            #expect(members.allSatisfy { $0.signals.isAbandoned })
            crew.end([(claimed[0], members[0].signals)])
            #expect(crew.leaveBehind(abandoned).map(\.identity.id) == [claimed[1].identity.id])
            #expect(crew.freeSlots == 2 && !members[0].signals.isLeftBehind && members[1].signals.isLeftBehind)
            if crew.freeSlots == 2 { await crew.untilAllEnded() }
            #expect(crew.leaveBehind(abandoned).isEmpty)
            release.finish()
        }
    }

    @Test("A node whose service is cancelled cancels its work, and ends when that has ended", .timeLimit(.minutes(1)))
    func cancelledService() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<3 { try await world.enqueue(upTo: 1) }
            let claimed = try await world.claim(as: "a")
            let crew = Crew(nodeID: "a", slots: 3)
            let members = crew.begin(Array(claimed.prefix(2)))
            @Sendable func work(_ member: Crew.Member) -> Task<Void, Never> {
                Task {
                    // Waiting: for the cancellation.
                    try? await Task.sleep(for: .seconds(3600))
                    crew.end([(member.run, member.signals)])
                }
            }
            crew.work(members, in: members.map(work))
            crew.cancelWork()
            await crew.untilAllEnded()
            let late = crew.begin([claimed[2]])
            let tasks = late.map(work)
            crew.work(late, in: tasks)
            #expect(tasks.filter { !$0.isCancelled }.isEmpty)
            for task in tasks { task.cancel() }
            await crew.untilAllEnded()
            #expect(crew.runs.isEmpty)
        }
    }

    @Test("The retry policy of a run is the one it was asked for with, the usual one too")
    func retryPolicy() async throws {
        try await EngineWorld.with { world in
            try await world.database.setUp(
                """
                select bursar.enqueue('ledger', '{"up_to": 1}');
                select bursar.enqueue('ledger', '{"up_to": 1}', retry => '{"initial": "7 s", "max": "1 day", "jitter": 0.5}')
                """
            )
            let policies = try await world.claim(as: "a").map(\.backoff)
            #expect(policies.first == Backoff(initial: .seconds(30), longest: .seconds(3600), jitter: 0.2))
            #expect(policies.last == Backoff(initial: .seconds(7), longest: .seconds(86_400), jitter: 0.5))
        }
    }
}

@Suite("Idle nodes are told of work")
struct IdleNodeTests {
    private static let enqueue = "select count(*) from bursar.enqueue('ledger', '{\"up_to\": 1}')"

    @Test("A request notifies while a node has said that it is idle, and does not while all are busy")
    func notifiesIdleNodes() async throws {
        try await EngineWorld.with { world in
            let listener = try await PostgresConnection.connect(world.database.configuration(), on: TestCluster.loop)
            try await listener.listen("bursar_ready")
            try await world.register("a")
            _ = try await world.rows(Self.enqueue)
            #expect(try await listener.nextNotification(deadline: .now + .milliseconds(200)) == nil)

            var wish = ClaimWish(node: "a", jobs: ["ledger"], limit: 1)
            let full = try await world.store.claim(wish)
            #expect(full.runs.count == 1 && full.saysIdle == nil)
            let idle = try await world.store.claim(wish)
            #expect(idle.runs.isEmpty && idle.saysIdle == true)
            _ = try await world.rows(Self.enqueue)
            #expect(try await listener.nextNotification(deadline: .now + .seconds(10))?.channel == "bursar_ready")

            wish.saidIdle = true
            let busy = try await world.store.claim(wish)
            #expect(busy.runs.count == 1 && busy.saysIdle == false)
            _ = try await world.rows(Self.enqueue)
            #expect(try await listener.nextNotification(deadline: .now + .milliseconds(200)) == nil)
            await listener.close()
        }
    }

    @Test("A node that is told begins a run at once, though it polls but once an hour")
    func beginsAtOnce() async throws {
        try await EngineWorld.with { world in
            let watch = Watch(world.database.configuration(), loop: try TestCluster.loop, logger: Logger(label: "test"))
            let node = try world.node(LedgerJob(), poll: .seconds(3600), watch: watch)
            try await withService(node) {
                try await waitUntil("the node is idle") {
                    try await world.text("select bool_or(idle)::text from bursar.node") == "true"
                }
                let run = try await world.enqueue(upTo: 1)
                try await waitUntil("the run has ended") {
                    try await world.text("select state from bursar.run_history where id = \(run)") == "succeeded"
                }
            }
        }
    }
}

@Suite("Where a node begins to look")
struct ClaimFloorTests {
    private let start = ContinuousClock.now

    @Test("It looks from the beginning first, then from the latest turn that it has met")
    func startsAnew() {
        var floor = ClaimFloor()
        #expect(floor.floor(now: start) == .min)
        floor.looked(from: .min, latestTurn: 500, isSaturated: true, began: start, ended: start + .milliseconds(2))
        #expect(floor.floor(now: start + .milliseconds(3)) == 500)
    }

    @Test(
        "It looks from the beginning again when it found less than it wanted, and after twenty times as long as that took"
    )
    func comesBack() {
        var floor = ClaimFloor()
        floor.looked(from: .min, latestTurn: 500, isSaturated: true, began: start, ended: start + .milliseconds(100))
        #expect(floor.floor(now: start + .milliseconds(2000)) == 500)
        #expect(floor.floor(now: start + .milliseconds(2101)) == .min)
        floor.looked(from: 500, latestTurn: 510, isSaturated: false, began: start, ended: start + .milliseconds(200))
        #expect(floor.floor(now: start + .milliseconds(201)) == .min)
    }

    @Test("It never stays away from the beginning for longer than five seconds")
    func bounded() {
        var floor = ClaimFloor()
        floor.looked(from: .min, latestTurn: 1, isSaturated: true, began: start, ended: start + .seconds(10))
        #expect(floor.floor(now: start + .seconds(15) + .milliseconds(1)) == .min)
    }
}
