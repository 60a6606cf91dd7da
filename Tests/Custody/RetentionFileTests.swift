import Custody
import Foundation
import Schedules
import Testing

@Suite("Retention policy files")
struct RetentionFileTests {
    private static let head = "version: 1\nretention:\n"

    /// The problems of a text, one a line.
    private func problems(_ text: String) -> [String] {
        do throws(RetentionProblems) {
            _ = try RetentionFile.read(text, file: "retention.yaml")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    private func entry(
        _ table: String,
        _ clock: String,
        keep: String = "90d",
        action: String = "delete",
        _ more: String = ""
    ) -> String {
        "  - { table: \(table), clock: \(clock), keep: \(keep), action: \(action), legal_basis: law\(more) }\n"
    }

    @Test(
        "A table of the ledger is refused at load, with file and line",
        arguments: [
            "invoice", "receivable", "payment_attempt", "allocation", "credit_entry", "audit_entry", "event", "period",
            "observation", "subscription",
        ]
    )
    func ledger(_ table: String) {
        let found = problems(Self.head + entry("attempt_line", "at") + entry(table, "created_at"))
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("retention.yaml:4:14: \(table) is a table of the ledger: it is never purged") == true
        )
    }

    @Test("A table that nobody has allowed is refused with those that are")
    func unknownTable() {
        let found = problems(Self.head + entry("atempt_line", "at"))
        #expect(found.first?.contains("is no table that may be purged") == true)
        #expect(found.first?.contains("attempt_line") == true)
    }

    @Test("Keeping less than the floor is an error, the file's floor or the program's own")
    func floors() {
        #expect(
            problems(Self.head + entry("webhook_event", "received_at", keep: "29d")).first?.contains(
                "below its floor of 30d"
            ) == true
        )
        let own = problems(Self.head + entry("attempt_line", "at", keep: "30d", ", floor: 60d"))
        #expect(own.first?.contains("below its floor of 60d") == true)
        let low = problems(Self.head + entry("webhook_event", "received_at", ", floor: 7d"))
        #expect(low.first?.contains("below the program's own of 30d") == true)
    }

    @Test("A tenant stays within floor and ceiling, and only where rows are a tenant's")
    func tenants() throws {
        let bounds = ", tenant_override: { floor: 60d, ceiling: 365d }"
        #expect(problems(Self.head + entry("message_body", "created_at", "\(bounds), tenants: { acme: 180d }")).isEmpty)
        #expect(
            problems(Self.head + entry("message_body", "created_at", "\(bounds), tenants: { acme: 400d }")).count == 1
        )
        #expect(
            problems(Self.head + entry("message_body", "created_at", "\(bounds), tenants: { acme: 30d }")).count == 1
        )
        #expect(problems(Self.head + entry("attempt_line", "at", ", tenants: { acme: 180d }")).count == 1)
    }

    @Test("Clock, action, a second policy of a table, a missing key and a long wait for locks are told")
    func others() {
        #expect(
            problems(Self.head + entry("attempt_line", "created_at")).first?.contains("its rows are as old as at")
                == true
        )
        #expect(
            problems(Self.head + entry("run_history", "finished_at")).first?.contains("dropped by partition") == true
        )
        #expect(
            problems(Self.head + entry("webhook_event.body", "received_at")).first?.contains("erased: the rows stay")
                == true
        )
        #expect(problems(Self.head + entry("webhook_event.body", "received_at", action: "erase")) == [])
        #expect(problems(Self.head + entry("attempt_line", "at", action: "drop_partition")).count == 1)
        #expect(
            problems(Self.head + entry("attempt_line", "at") + entry("attempt_line", "at")).first?.contains(
                "two policies"
            ) == true
        )
        #expect(problems(Self.head + "  - { table: attempt_line, keep: 90d }\n").count == 3)
        #expect(problems(Self.head + entry("attempt_line", "at", ", lock_timeout_ms: 2000")).count == 1)
        #expect(problems(Self.head + entry("attempt_line", "at", ", pause: 1")).first?.contains("unknown key") == true)
    }

    @Test(
        "Every wrong value is told with its file, line and column",
        arguments: [
            ("version: 2", "1:10"), ("table: invoice", "3:12"), ("table: [a]", "3:12"), ("clock: at", "4:12"),
            ("keep: 90", "5:11"), ("keep: 1d", "5:11"), ("keep: -5d", "5:11"), ("action: drop", "6:13"),
            ("action: erase", "6:13"), ("legal_basis: ''", "7:18"), ("floor: 1d", "8:12"),
            ("tenant_override: { floor: 1d }", "9:31"), ("tenant_override: { ceiling: 1d }", "9:33"),
            ("tenant_override: { roof: 1d }", "9:24"), ("tenants: { acme: 9d }", "10:22"), ("tenants: [acme]", "10:14"),
            ("batch: 0", "11:12"), ("batch: 1.5", "11:12"), ("pause_ms: -1", "12:15"), ("lock_timeout_ms: 9", "13:22"),
            ("lock_timeout_ms: 801", "13:22"), ("max_rows_per_run: 0", "14:23"), ("max_percent: 101", "15:18"),
            ("observe_days: 366", "16:19"), ("observed: 3", "16:5"),
        ]
    )
    func everyValue(_ line: String, _ place: String) throws {
        let right = [
            "version: 1", "retention:", "  - table: message_body", "    clock: created_at", "    keep: 90d",
            "    action: delete", "    legal_basis: law", "    floor: 10d",
            "    tenant_override: { floor: 30d, ceiling: 365d }",
            "    tenants: { acme: 180d }", "    batch: 500", "    pause_ms: 50", "    lock_timeout_ms: 200",
            "    max_rows_per_run: 1000", "    max_percent: 20", "    observe_days: 3",
        ]
        #expect(problems(right.joined(separator: "\n")) == [])
        var wrong = right
        let number = try #require(place.split(separator: ":").first.flatMap { Int($0) })
        let margin = number == 1 ? "" : number == 3 ? "  - " : "    "
        wrong[number - 1] = margin + line
        let found = problems(wrong.joined(separator: "\n"))
        #expect(found.contains { $0.hasPrefix("retention.yaml:\(place): ") }, "\(found)")
    }

    @Test("The shipped policies load, and name no table twice")
    func shipped() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appending(path: "schedules/policies").path
        #expect(try RetentionFile.load(folder: folder).all.count == PurgeTable.allCases.count)
    }

    @Test("A policy's hash changes with what goes and on what ground, not with how fast")
    func hashes() {
        let policy = RetentionPolicy(.attemptLine, keep: .seconds(90 * 86_400))
        var slower = policy
        slower.batch = 5
        slower.pause = .seconds(1)
        #expect(slower.hash == policy.hash)
        var longer = policy
        longer.keep = .seconds(91 * 86_400)
        #expect(longer.hash != policy.hash)
        var grounded = policy
        grounded.legalBasis = "another \"law\""
        #expect(grounded.hash != policy.hash)
    }
}
