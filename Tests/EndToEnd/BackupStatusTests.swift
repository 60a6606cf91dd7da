import Glibc
import TestSupport
import Testing

@Suite("Backups in the daemon's status")
struct BackupStatusTests {
    @Test(
        "A backup that is overdue is told in /status with its alarm and since when, and no more once there is a new one"
    )
    func overdue() async throws {
        try await Strongroom.with { room in
            try await House.with(Portfolio.empty) { house in
                let settings = room.settings(house)
                try await house.query(
                    "update bursar.installation set created_at = clock_timestamp() - interval '8 days 1 hour'"
                )
                let late = try house.daemon("late", settings: settings)
                try await late.ready()
                try await waitUntil("the alarms are raised") { try await raised(house).count == 2 }
                let told = try await late.text("/status")
                for key in ["backup:age", "backup:restore"] {
                    let since: String = try await house.value(
                        "select to_char(since at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') from bursar.alarm where key = '\(key)'"
                    )
                    #expect(told.contains(key) && told.contains(since), "\(key) since \(since): \(told)")
                }
                #expect(told.contains("critical"), "\(told)")
                let words = try await house.bursar("status", node: "late")
                #expect(words.output.contains("backup:age"), "\(words)")
                late.process.signal(SIGTERM)
                try await late.process.end()

                for command in ["backup", "drill"] {
                    let done = try await house.bursar([command, "run", "--here"], settings: settings)
                    #expect(done.status == 0, "\(done)")
                }
                // The next daemon looks at once; this one would within a minute.
                let next = try house.daemon("next", settings: settings)
                try await next.ready()
                try await waitUntil("the alarms are cleared") { try await raised(house).isEmpty }
                let after = try await next.text("/status")
                #expect(!after.contains("backup:age") && !after.contains("backup:restore"), "\(after)")
                #expect(after.contains("\"verdict\":\"pass\""), "\(after)")
            }
        }
    }

    private func raised(_ house: House) async throws -> [String] {
        try await house.list("select key from bursar.alarm where kind = 'backup' and cleared_at is null order by key")
    }
}
