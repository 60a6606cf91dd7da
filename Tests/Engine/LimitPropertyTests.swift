import Engine
import Foundation
import JobKit
import Postgres
import Testing
import TestSupport

@Suite("Limits, whatever happens")
struct LimitPropertyTests {
    @Test(
        "Through claims side by side, failures, snoozes, cancels, approvals and deaths no limit is passed and nothing is left"
    )
    func exactThroughEverything() async throws {
        let seed =
            ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...999_999)
        print("BURSAR_TEST_SEED=\(seed) (limits)")
        try await EngineWorld.withGates { world in
            var play = Play(world: world, random: SplitMix(state: seed))
            try await world.database.setUp("update bursar.provider set at_once = 5 where name = 'bank'")
            for round in 0..<60 {
                try await play.round()
                let broken = try await world.overfull()
                #expect(broken.isEmpty, "seed \(seed), round \(round): \(broken)")
                if !broken.isEmpty { return }
            }
            let asked = play.asked
            try await play.bringToAnEnd()
            #expect(try await world.text("select count(*)::text from bursar.run") == "0", "seed \(seed)")
            #expect(try await world.text("select count(*)::text from bursar.run_history") == "\(asked)")
            #expect(try await world.text("select count(*)::text from bursar.gate_pass") == "0")
        }
    }

    /// Nodes that claim, end runs in every way, and die.
    private struct Play {
        let world: EngineWorld
        var random: SplitMix
        var asked = 0
        private var nodes: [String] = []
        private var born = 0
        private var held: [(node: String, run: ClaimedRun)] = []

        init(world: EngineWorld, random: SplitMix) {
            self.world = world
            self.random = random
        }

        mutating func round() async throws {
            while nodes.count < 3 { try await beBorn() }
            try await ask()
            try await claimSideBySide()
            for _ in 0..<Int.random(in: 0...6, using: &random) { try await endOne() }
            switch Int.random(in: 0..<12, using: &random) {
            case 0: try await die()
            case 1: try await approveAll()
            case 2: try await cancelOne()
            case 3...5:
                try await world.database.setUp(
                    """
                    update bursar.run set run_at = clock_timestamp() where state in ('scheduled', 'snoozed')
                    """
                )
            default: break
            }
        }

        private mutating func beBorn() async throws {
            born += 1
            try await world.registerGated("node \(born)")
            nodes.append("node \(born)")
        }

        private mutating func ask() async throws {
            let job = EngineWorld.gatedJobs.randomElement(using: &random) ?? "free"
            let times = Int.random(in: 1...4, using: &random)
            asked += times
            try await world.ask(
                job,
                times: times,
                tenant: Int64.random(in: 1...3, using: &random),
                k: Int.random(in: 1...3, using: &random)
            )
        }

        private mutating func claimSideBySide() async throws {
            let world = world
            let nodes = nodes
            let found = try await withThrowingTaskGroup(of: (String, [ClaimedRun]).self) { group in
                for node in nodes { group.addTask { (node, try await world.look(as: node, limit: 4)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for (node, runs) in found { held += runs.map { (node, $0) } }
        }

        private mutating func endOne() async throws {
            guard !held.isEmpty else { return }
            let (_, run) = held.remove(at: Int.random(in: 0..<held.count, using: &random))
            let store = world.store
            switch Int.random(in: 0..<8, using: &random) {
            case 0: _ = try await store.end(run, .failed("no luck", wait: .zero, anew: false))
            case 1: _ = try await store.end(run, .dead("no use"))
            case 2: _ = try await store.end(run, .snoozed("later", wait: .milliseconds(1)))
            case 3: _ = try await store.end(run, .needsApproval("too much"))
            case 4: _ = try await store.end(run, .handedBack)
            default: _ = try await store.finish([(run.identity, "done")])
            }
        }

        private mutating func die() async throws {
            let node = nodes.removeFirst()
            try await world.kill(node)
            _ = try await world.store.rescue()
            // It does not know, and tries to end what it holds: the fence refuses.
            for (_, run) in held.filter({ $0.node == node }) {
                #expect(try await !world.store.end(run, .succeeded("too late")))
            }
            held.removeAll { $0.node == node }
        }

        private func approveAll() async throws {
            for row in try await world.rows("select id from bursar.run where state = 'needs_approval'") {
                _ = try await world.desk.approve(try row.get("id"), reason: "fine", by: "operator:test")
            }
        }

        private mutating func cancelOne() async throws {
            guard let row = try await world.rows("select id from bursar.run order by random() limit 1").first else {
                return
            }
            _ = try await world.desk.cancel(try row.get("id"), reason: nil, by: "operator:test")
        }

        /// Everybody succeeds from here on; nobody may be left standing.
        mutating func bringToAnEnd() async throws {
            for _ in 0..<400 {
                try await approveAll()
                try await world.database.setUp(
                    """
                    update bursar.run set run_at = clock_timestamp() where state in ('scheduled', 'snoozed')
                    """
                )
                try await claimSideBySide()
                #expect(try await world.overfull().isEmpty)
                if held.isEmpty, try await world.text("select count(*)::text from bursar.run") == "0" { return }
                _ = try await world.store.finish(held.map { ($0.run.identity, "done") })
                held = []
            }
        }
    }
}
