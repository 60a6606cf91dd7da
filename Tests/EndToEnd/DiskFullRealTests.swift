import Glibc
import Postgres
import TestSupport
import Testing

@Suite("A disk that is really full", .enabled(if: getenv("BURSAR_REAL") != nil && geteuid() == 0))
struct DiskFullRealTests {
    private static let tables = ["invoice_line", "event", "audit_entry"]

    @Test("Invoices that found no room are issued once there is some, and none twice")
    func fullTablespace() async throws {
        try await House.with(Portfolio.large) { house in
            // The folder of the socket belongs to the server's user and goes with the cluster.
            let disk = "\(house.database.cluster.settings.socketDirectory)/disk-\(house.database.name)"
            try await shell("mkdir \(disk) && mount -t tmpfs -o size=64m disk \(disk) && chown postgres \(disk)", house)
            do {
                try await fill(disk, house)
            } catch {
                try? await shell("umount -l \(disk)", house)
                throw error
            }
            try await shell("umount \(disk)", house)
        }
    }

    private func fill(_ disk: String, _ house: House) async throws {
        let place = "disk_\(house.database.name)"
        try await house.query("create tablespace \(place) location '\(disk)'")
        for table in Self.tables { try await house.query("alter table bursar.\(table) set tablespace \(place)") }
        // Room for a few chunks.
        let used = "$(df --output=used -k \(disk) | tail -n 1)"
        try await shell("mount -o remount,size=$((\(used) + 256))k \(disk)", house)
        let daemon = try house.daemon("a")
        let run = try await house.askForRenewals(attempts: 1000)
        try await waitUntil("the disk is full") { (try await house.run(run).failures ?? 0) >= 1 }
        let failed = try await house.run(run)
        #expect(failed.outcome?.contains("53100") ?? false, "\(failed)")
        #expect(daemon.process.ended == nil)
        try await shell("mount -o remount,size=64m \(disk)", house)
        let row = try await house.ended(run, within: .seconds(120))
        #expect(row.state == "succeeded", "\(row)")
        try await Ledger.expectSound(house, run: run)
        for table in Self.tables { try await house.query("alter table bursar.\(table) set tablespace pg_default") }
        try await house.query("drop tablespace \(place)")
    }

    private func shell(_ script: String, _ house: House) async throws {
        let process = try house.start("sh", ["-c", script], Program.environment, as: "shell")
        #expect(try await process.end() == .exited(0), "\(script): \(process.said)")
    }
}
