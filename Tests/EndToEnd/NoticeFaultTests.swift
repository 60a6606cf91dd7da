import Glibc
import TestSupport
import Testing

@Suite("Notices that cannot be said as they are written")
struct NoticeFaultTests {
    @Test(
        "A template with an unknown name is told by check with file and line; a daemon says the house's words in its place, and that it did"
    )
    func unknownVariable() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 2, last: 0)
            let folder = "\(house.folder)/templates"
            for path in [folder, "\(folder)/tenants", "\(folder)/tenants/T1", "\(folder)/tenants/T1/en"] {
                mkdir(path, 0o755)
            }
            write(
                "=== subject\nOverdue\n\n=== text\nDear {{payer}},\npay {{amuont}}.\n\n=== sms\nPay.\n",
                to: "\(folder)/tenants/T1/en/overdue.mustache"
            )
            let settings = ["BURSAR_NOTICES_TEMPLATES": folder, "BURSAR_NOTICES_FOLDER": "\(house.folder)/notices"]
            let checked = try await house.bursar(["check"], settings: settings)
            #expect(
                checked.status == 65
                    && checked.errors.contains("tenants/T1/en/overdue.mustache:6:5: there is no amuont here"),
                "\(checked)"
            )
            let daemon = try house.daemon("a", settings: settings)
            try await waitUntil("it answers") { await daemon.readiness() != nil }
            try await house.work(NoticeWorld.morning, "dunning", "notice-delivery")
            let told = try await house.list(
                "select tenant_id || ' ' || state || ' ' || template || ' ' || attempts from bursar.message order by tenant_id"
            )
            #expect(told == ["1 accepted global/en/overdue 1", "2 accepted global/en/overdue 1"])
            #expect(files(in: "\(house.folder)/notices/email/new", ending: "").count == 2)
            let said = daemon.process.said
            #expect(said.contains("a template cannot be used") && said.contains("amuont"), "\(said.suffix(3000))")
        }
    }

    @Test(
        "A step with a template of its own is said by it; where there is none of that name the category's says it, and that it did"
    )
    func ownTemplate() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 1, last: 1)
            let folder = "\(house.folder)/templates"
            for path in [folder, "\(folder)/global", "\(folder)/global/en"] { mkdir(path, 0o755) }
            write(
                "=== subject\nOnce more\n\n=== text\nDear {{payer}}, once more.\n\n=== sms\nPay.\n",
                to: "\(folder)/global/en/overdue_again.mustache"
            )
            mkdir("\(house.folder)/schedules/policies", 0o755)
            write(
                """
                version: 1
                policy:
                  steps:
                    - { id: overdue, offset_days: 1, category: overdue, template: overdue_again }
                    - { id: final, offset_days: 6, category: final, template: last_words }

                """,
                to: "\(house.folder)/schedules/policies/dunning.yaml"
            )
            _ = try await house.noticeDaemon(settings: ["BURSAR_NOTICES_TEMPLATES": folder])
            try await house.work(NoticeWorld.morning, "dunning", "notice-delivery")
            let told = try await house.list(
                "select template || ' ' || coalesce(fell_back, '') from bursar.message where state = 'accepted' order by tenant_id"
            )
            #expect(
                told == [
                    "global/en/overdue_again ",
                    "global/en/final there is no template last_words; global/en/final was used",
                ]
            )
        }
    }

    @Test("A payer whose name has a line break gets his mail, with no header of his making")
    func nameWithLineBreak() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 1, last: 0)
            try await house.database.setUp("update bursar.tenant set name = E'Sok\\r\\nBcc: all@example.test'")
            _ = try await house.noticeDaemon()
            try await house.work(NoticeWorld.morning, "dunning", "notice-delivery")
            let letters = files(in: "\(house.folder)/notices/email/new", ending: "").map(contents)
            #expect(letters.count == 1)
            let head = try #require(letters.first).split(separator: "\r\n\r\n").first.map(String.init) ?? ""
            #expect(head.contains("payer1@example.test") && !head.lowercased().contains("\r\nbcc:"), "\(head)")
            #expect(try await house.list("select reason from bursar.suppression") == [])
        }
    }
}
