import Glibc
import Outbound
import Postgres
import TestSupport
import Testing

@Suite("A database that is away when the daemon starts")
struct AbsenceTests {
    @Test("The daemon waits for it, answers the operator meanwhile, and becomes ready by itself")
    func waits() async throws {
        try await House.with(Portfolio.empty) { house in
            let place = "\(house.folder)/server"
            let url = "postgresql://bursar@/\(house.database.name)?host=\(place)"
            let daemon = try house.daemon("a", url: url)
            try await waitUntil("it says that it waits") { daemon.process.said.contains("waiting for the database") }
            try await waitUntil("the operator is told that it is not ready") { await daemon.readiness() == 503 }
            #expect(try await daemon.get("/livez").status == 200)
            let asked = try await house.bursar("runs", "list")
            #expect(asked.status == 69, "\(asked)")
            symlink(house.database.cluster.settings.socketDirectory, place)
            try await daemon.ready()
        }
    }

    @Test("A daemon that waits for its database ends at once on SIGTERM")
    func endsWhileWaiting() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try house.daemon("a", url: "postgresql://bursar@/x?host=\(house.folder)/server")
            try await waitUntil("it says that it waits") { daemon.process.said.contains("waiting for the database") }
            daemon.process.signal(SIGTERM)
            #expect(try await daemon.process.end(within: .seconds(10)) == .exited(0))
        }
    }
}
