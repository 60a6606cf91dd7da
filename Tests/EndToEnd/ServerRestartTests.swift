import Outbound
import Postgres
import TestSupport
import Testing

@Suite("A database server that dies during a run")
struct ServerRestartTests {
    @Test("The daemon survives it, says so on /readyz, and goes on by itself with the totals right")
    func restart() async throws {
        let cluster = try await TestCluster.separate("restart")
        let database = try await TestDatabase.made(by: Portfolio.renewable, in: cluster)
        try await House.with(database) { house in
            let trap = Trap(Strike(statement: "billing.due_subscriptions", occurrence: 3, moment: .before), signal: 0)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            try await daemon.ready()
            trap.aim(at: daemon.process)
            let run = try await house.askForRenewals()
            _ = try await trap.sprung.told("the third chunk began")

            try await cluster.stop(.immediate)
            try await waitUntil("/readyz says that the node cannot work", within: .seconds(40)) {
                await daemon.readiness() == 503
            }
            #expect(daemon.process.ended == nil, "the daemon ended with the server:\n\(daemon.process.said)")
            #expect(try await daemon.get("/livez").status == 200)
            try await cluster.start()
            let began = ContinuousClock.now
            let before: Int = try await house.value("select count(*) from bursar.invoice where run_id = \(run)")
            try await house.issued(atLeast: before + 1, by: run)
            #expect(
                ContinuousClock.now - began < .seconds(10),
                "the run did not go on within 10 s of the server's return"
            )
            try await daemon.ready()
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            try await Ledger.expectSound(house, run: run)
        }
        try await cluster.destroy()
    }
}
