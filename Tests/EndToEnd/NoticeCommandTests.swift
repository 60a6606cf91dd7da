import Postgres
import TestSupport
import Testing

/// Notices as an operator sees them.
@Suite("Notices by command")
struct NoticeCommandTests {
    @Test("The forecast of a day says who would get what, with totals per channel, and changes nothing")
    func plan() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 2, last: 1)
            try await house.setClock("2026-03-12 10:00")
            let told = try await house.bursar("notices", "plan", "--on", "2026-03-14")
            #expect(told.status == 0, "\(told)")
            for words in ["email", "overdue (overdue)", "final (final)", "Tenant 1", "Tenant 3", "INV-"] {
                #expect(told.output.contains(words), "\(words): \(told)")
            }
            let json = try await house.bursar("notices", "plan", "--on", "2026-03-14", "--json", "--limit", "1")
            #expect(
                json.output.contains(#""channel":"email","messages":3,"notices":3"#),
                "\(json)"
            )
            #expect(json.output.matches(of: /"is_?[pP]lanned":/).count == 1, "\(json)")
            #expect(try await house.value("select count(*) from bursar.notice", as: Int.self) == 0)
            let early = try await house.bursar("notices", "plan", "--on", "2026-03-02")
            #expect(early.status == 0, "\(early)")
            let wrong = try await house.bursar("notices", "plan", "--on", "14 March")
            #expect(wrong.status == 64 && wrong.errors.contains("YYYY-MM-DD"), "\(wrong)")
        }
    }

    @Test("What is planned and overtaken by the day asked for is foretold once")
    func planOvertaken() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 1, last: 0)
            _ = try await house.noticeDaemon()
            try await house.work("2026-03-12 21:00", "dunning")
            let planned = try await house.bursar("notices", "plan", "--on", "2026-03-12", "--json")
            #expect(planned.output.contains(#""category":"due_soon""#), "\(planned)")
            let later = try await house.bursar("notices", "plan", "--on", "2026-03-14", "--json")
            #expect(later.output.contains(#""messages":1,"notices":1"#), "\(later)")
            #expect(!later.output.contains("due_soon"), "\(later)")
        }
    }

    @Test("A stop is put down with its reason, puts off and is explained; going on sends what is still worth saying")
    func stops() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 1, last: 1)
            _ = try await house.noticeDaemon()
            try await house.setClock(NoticeWorld.morning)
            let bare = try await house.bursar("notices", "stop", "category:final", "--reason", " ")
            #expect(bare.status == 65 && bare.errors.contains("needs a reason"), "\(bare)")
            let wrong = try await house.bursar("notices", "stop", "everything", "--reason", "x")
            #expect(wrong.status == 65 && wrong.errors.contains("cannot be stopped"), "\(wrong)")
            let stopped = try await house.bursar("notices", "stop", "category:final", "--reason", "a wrong text")
            #expect(stopped.status == 0 && stopped.output == "category:final is stopped\n", "\(stopped)")
            let again = try await house.bursar("notices", "stop", "category:final", "--reason", "a wrong text")
            #expect(again.status == 0 && again.output == "category:final was stopped already\n", "\(again)")
            let stops = try await house.bursar("notices", "stops")
            #expect(stops.output.contains("category:final") && stops.output.contains("a wrong text"), "\(stops)")

            try await house.work(NoticeWorld.morning, "dunning", "notice-delivery")
            let final: Int64 = try await house.value("select id from bursar.notice where category = 'final'")
            let explained = try await house.bursar("explain", "notice", "\(final)")
            for words in [
                "final (step final) to Tenant 2 by email", "state: planned, kill_switch", "worth saying until",
                "now it would not go: kill_switch, stopped: category:final by", "a wrong text", "quiet_hours",
                "bank_data",
            ] {
                #expect(explained.output.contains(words), "\(words): \(explained)")
            }
            let resumed = try await house.bursar("notices", "resume", "category:final", "--reason", "mended")
            #expect(resumed.status == 0 && resumed.output == "category:final goes on\n", "\(resumed)")
            let twice = try await house.bursar("notices", "resume", "category:final", "--reason", "mended")
            #expect(twice.status != 0 && twice.errors.contains("is not stopped"), "\(twice)")
            #expect(try await house.bursar("notices", "stops").output == "nothing is stopped\n")
            try await house.work("2026-03-14 10:30", "notice-delivery")
            let after = try await house.bursar("explain", "notice", "\(final)", "--json")
            #expect(after.output.contains(#""state":"accepted""#) && after.output.contains(#""checks":[]"#), "\(after)")
        }
    }

    @Test("The list narrows by state, category, channel and tenant; a message shows its words and tries")
    func listAndShow() async throws {
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 2, last: 1)
            _ = try await house.noticeDaemon()
            try await house.setClock(NoticeWorld.morning)
            try await house.work(NoticeWorld.morning, "dunning", "notice-delivery")
            let all = try await house.bursar("notices", "list", "--state", "accepted")
            #expect(all.status == 0 && all.output.split(separator: "\n").count == 4, "\(all)")
            let one = try await house.bursar("notices", "list", "--tenant", "T3", "--state", "accepted", "--json")
            #expect(one.output.contains(#""category": "final""#) && !one.output.contains("overdue"), "\(one)")
            let passed = try await house.bursar("notices", "list", "--state", "superseded", "--category", "overdue")
            #expect(passed.output.contains("later_step"), "\(passed)")
            #expect(try await house.bursar("notices", "list", "--channel", "sms").output == "nothing\n")
            let page = try await house.bursar("notices", "list", "--limit", "1", "--json")
            let number = try #require(page.output.firstMatch(of: /"notice": ?(\d+)/)?.1)
            let next = try await house.bursar("notices", "list", "--before", "\(number)", "--limit", "1", "--json")
            let second = try #require(next.output.firstMatch(of: /"notice": ?(\d+)/)?.1)
            #expect(second != number, "\(next)")

            let message: Int64 = try await house.value("select id from bursar.message where tenant_id = 3")
            let shown = try await house.bursar("notices", "show", "\(message)")
            for words in [
                "to T3 by email: accepted", "global/en/final", "try 1 at", "by maildir: accepted", "Tenant 3",
            ] {
                #expect(shown.output.contains(words), "\(words): \(shown)")
            }
            let missing = try await house.bursar("notices", "show", "999")
            #expect(missing.status == 65 && missing.errors.contains("there is no such notice"), "\(missing)")
            let none = try await house.bursar("explain", "notice", "999")
            #expect(none.status == 65 && none.errors.contains("bursar notices list"), "\(none)")
        }
    }
}
