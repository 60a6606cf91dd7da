import CivilTime
import JobKit
import Notices
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("What is checked before a notice is said, and what comes of it")
struct NoticeDeliveryTests {
    @Test("Several invoices of a payer are one message a day; another class waits for the next day")
    func digest() async throws {
        try await Letterbox.open(tenants: 2) { box in
            try await box.day("2026-03-06 09:30")
            #expect(box.desk.take() == ["courtesy for Tenant 1: 1", "courtesy for Tenant 2: 2,3"])
            // One of the two invoices falls due earlier, by hand: on one day a courtesy and a reminder are due.
            try await box.change(
                "update bursar.receivable set due_date = '2026-03-05', grace_end = '2026-03-12' where invoice_id = 2"
            )
            try await box.day("2026-03-06 11:30")
            #expect(box.desk.take() == ["overdue for Tenant 2: 2"])
            try await box.change("update bursar.receivable set due_date = '2026-03-08' where invoice_id = 3")
            try await box.day("2026-03-07 09:30")
            try await box.day("2026-03-08 09:30")
            #expect(
                try await box.one(
                    "select max(n) from (select count(*) as n from bursar.message group by tenant_id, channel, class, local_day) as d"
                ) == "1"
            )
        }
    }

    @Test("Nothing is said in quiet hours; it is put off to their end")
    func quietHours() async throws {
        try await Letterbox.open(tenants: 1) { box in
            let late = DunningPolicy(steps: [
                DunningStep("before", offsetDays: -3, minuteOfDay: 20 * 60 + 30, category: "courtesy")
            ])
            try await box.day("2026-03-06 21:00", late)
            #expect(box.desk.take() == [])
            #expect(
                try await box.one(
                    "select reason || ' ' || (not_before at time zone 'Asia/Phnom_Penh') from bursar.notice"
                )
                    == "quiet_hours 2026-03-07 08:00:00"
            )
            try await box.day("2026-03-07 08:01", late)
            #expect(box.desk.take().count == 1)
        }
    }

    @Test("A day on which the calendar is closed is quiet as a whole")
    func holiday() async throws {
        try await Letterbox.open(tenants: 1) { box in
            let day = try #require(CivilDate("2026-03-06"))
            let calendar = BusinessCalendar(name: "test", closed: [day: "Holiday"], until: .latest)
            let policy = DunningPolicy(steps: Letterbox.policy.steps, calendar: calendar)
            try await box.day("2026-03-06 10:00", policy)
            #expect(box.desk.take() == [])
            try await box.day("2026-03-07 10:00", policy)
            #expect(box.desk.take().count == 1)
        }
    }

    @Test("What was paid between planning and sending is not said")
    func paid() async throws {
        try await Letterbox.open(tenants: 2) { box in
            try await box.set("2026-03-06 09:30")
            try await box.plan()
            try await box.change(
                "update bursar.receivable set open_amount = 0, state = 'settled', settled_at = now() where invoice_id in (1, 2)"
            )
            try await box.deliver()
            #expect(box.desk.take() == ["courtesy for Tenant 2: 3"])
            #expect(try await box.notices(of: 1) == ["before|email|skipped|paid"])
        }
    }

    @Test("Nobody is told that he has not paid while bank data is not fresh")
    func staleBankData() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.change(
                "insert into bursar.receiving_account (issuer_id, provider, account, name) values (1, 'bakong', 'shop@bank', 'Shop')"
            )
            try await box.day("2026-03-10 09:30")
            #expect(box.desk.take() == [])
            #expect(try await box.notices(of: 1).last == "late|email|planned|stale_reconciliation")
            try await box.set("2026-03-10 09:45")
            try await box.change(
                "update bursar.receiving_account set watermark = bursar.business_now() - interval '14 minutes'"
            )
            try await box.deliver()
            #expect(box.desk.take() == ["overdue for Tenant 1: 1"])
        }
    }

    @Test(
        "A stop, a promise, a dispute and a closed channel put off; the reason stands beside it",
        arguments: [
            ("select bursar.stop_notices('channel:email', 'complaints')", "kill_switch"),
            ("select bursar.promise(1, '2026-03-20')", "promise_to_pay"),
            ("select bursar.dispute(1, 'not ours')", "disputed"),
            ("update bursar.subscription set parked_at = now(), parked_reason = 'test'", "parked"),
        ]
    )
    func putOff(_ act: String, _ reason: String) async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.set("2026-03-06 09:20")
            try await box.change(act)
            try await box.day("2026-03-06 09:30")
            #expect(box.desk.take() == [])
            #expect(try await box.notices(of: 1) == ["before|email|planned|\(reason)"])
        }
    }

    @Test("A courtesy is not sent to whoever withdrew consent; what must be said is")
    func consent() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.change(
                """
                insert into bursar.consent (tenant_id, category, channel, verb, source) values (1, 'all', 'email', 'withdrawn', 'one_click')
                """
            )
            try await box.day("2026-03-06 09:30")
            try await box.day("2026-03-10 09:30")
            #expect(box.desk.take() == ["overdue for Tenant 1: 1"])
            #expect(try await box.notices(of: 1).first == "before|email|skipped|no_consent")
        }
    }

    @Test("An address that does not exist is suppressed, and the next channel takes over")
    func hardFailure() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.change("select letterbox.reach(1, 'telegram', '4711')")
            box.desk.answer("payer1@example.test", .hard)
            try await box.day("2026-03-10 09:30")
            try await box.day("2026-03-10 09:35")
            #expect(
                try await box.notices(of: 1).suffix(2) == ["late|email|hard_failed|-", "late|telegram|accepted|-"]
            )
            #expect(try await box.list("select channel, reason from bursar.suppression") == ["email|hard_bounce"])
            _ = box.desk.take()
            try await box.day("2026-03-15 09:30")
            try await box.day("2026-03-15 09:35")
            #expect(box.desk.take() == ["final for Tenant 1: 1"])
            #expect(
                try await box.notices(of: 1).suffix(2) == ["last|email|skipped|suppressed", "last|telegram|accepted|-"]
            )
        }
    }

    @Test("Not now is tried again with the same Message-ID; so often in vain, the next channel takes over")
    func softFailure() async throws {
        try await Letterbox.open(tenants: 1) { box in
            box.desk.answer("payer1@example.test", .soft, .soft)
            try await box.day("2026-03-10 09:00")
            try await box.day("2026-03-10 09:10")
            try await box.day("2026-03-10 09:30")
            let ids = box.desk.state.withLock { Set($0.sent.map(\.messageID)) }
            #expect(ids.count == 1)
            #expect(box.desk.take().count == 3)
            #expect(
                try await box.list("select outcome from bursar.message_attempt order by attempt")
                    == ["soft", "soft", "accepted"]
            )
        }
    }

    @Test("A message that no template can say waits, says why, and is sent once the template is mended")
    func unrenderable() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.set("2026-03-10 09:00")
            try await box.plan()
            try await box.deliver { _, _ in throw LetterboxError("the template has a hole") }
            #expect(box.desk.take() == [])
            #expect(try await box.list("select state, reason from bursar.message") == ["waiting|unrenderable"])
            let attempts = try await box.list("select outcome, phase, reply from bursar.message_attempt")
            #expect(attempts.count == 1 && attempts[0].contains("configuration|render|"), "\(attempts)")
            try await box.set("2026-03-10 10:01")
            try await box.deliver()
            #expect(box.desk.take() == ["overdue for Tenant 1: 1"])
        }
    }

    @Test("A reminder in doubt is tried once more with the same Message-ID, a final notice is not")
    func doubt() async throws {
        try await Letterbox.open(tenants: 1) { box in
            box.desk.answer("payer1@example.test", .unknown, .unknown, .unknown)
            try await box.day("2026-03-10 09:00")
            try await box.day("2026-03-10 09:30")
            try await box.day("2026-03-10 10:30")
            let ids = box.desk.state.withLock { $0.sent.map(\.messageID) }
            #expect(ids.count == 2 && Set(ids).count == 1)
            #expect(try await box.notices(of: 1).last == "late|email|unknown|-")
            _ = box.desk.take()
            box.desk.answer("payer1@example.test", .unknown)
            try await box.day("2026-03-15 09:30")
            try await box.day("2026-03-15 11:30")
            #expect(box.desk.take().count == 1)
            #expect(try await box.notices(of: 1).last == "last|email|unknown|-")
            #expect(
                try await box.list("select key from bursar.alarm where key like 'notices:%' and cleared_at is null")
                    == ["notices:in_doubt"]
            )
        }
    }

    @Test("What a dead node had claimed is sent by the next run, and what it was sending is in doubt")
    func recovery() async throws {
        try await Letterbox.open(tenants: 2) { box in
            try await box.set("2026-03-10 09:30")
            try await box.plan()
            let context = try await box.context(of: "notice-delivery")
            let rules = DeliveryRules()
            let dead = DeadDesk()
            let house = DeliveryHouse(desk: dead, rules: { _ in rules }, render: Letterbox.render)
            let work = DeliveryWork(context, house: house, chunk: 100)
            await #expect(throws: (any Error).self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await work.sendAll(step: "send") }
                    await dead.called()
                    group.cancelAll()
                    try await group.next()
                }
            }
            #expect(try await box.list("select distinct state from bursar.message") == ["sending"])
            box.desk.state.withLock { $0.knowsRepeats = true }
            try await box.deliver()
            #expect(box.desk.take() == [])
            try await box.set("2026-03-10 09:32")
            try await box.deliver()
            #expect(box.desk.take() == ["overdue for Tenant 1: 1", "overdue for Tenant 2: 2,3"])
            #expect(try await box.one("select count(distinct message_id) from bursar.message") == "2")
        }
    }

    @Test("What the journal knows to be sent is not sent again by a database that has forgotten it")
    func journal() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await TestFolder.with { folder in
                try await box.set("2026-03-06 09:30")
                try await box.plan()
                try await box.deliver(journal: try SendJournal(folder: folder))
                #expect(box.desk.take().count == 1)
                // Time is turned back: the message is gone, the notice is planned.
                try await box.change(
                    """
                    truncate bursar.message, bursar.message_attempt, bursar.message_body cascade;
                    alter table bursar.notice disable trigger notice_moves_legally;
                    update bursar.notice set state = 'planned', message_id = null;
                    alter table bursar.notice enable trigger notice_moves_legally;
                    """
                )
                try await box.deliver(journal: try SendJournal(folder: folder))
                #expect(box.desk.take() == [])
                #expect(try await box.notices(of: 1) == ["before|email|skipped|journalled"])
                let known = try SendJournal(folder: folder)
                #expect(known.hasSent("1/invoice 1/before/email") && !known.hasSent("1/invoice 1/late/email"))
            }
        }
    }

    @Test(
        "An address that was erased, or has a line break from before that was refused, is not written to; the next channel is",
        arguments: [
            ("select bursar.erase_contact(1, 'email', 'asked for')", "no_address"),
            (
                """
                alter table bursar.payer_address drop constraint payer_address_address_check;
                update bursar.payer_address set address = E'payer1@example.test\\nBcc: all@example.test' where channel = 'email'
                """, "address_unfit"
            ),
        ]
    )
    func addressGone(_ act: String, _ reason: String) async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.change("select letterbox.reach(1, 'telegram', '4711')")
            try await box.set("2026-03-10 09:30")
            try await box.plan()
            try await box.change(act)
            try await box.deliver()
            try await box.set("2026-03-10 09:35")
            try await box.deliver()
            #expect(box.desk.state.withLock { $0.sent.map(\.recipient) } == ["4711"])
            #expect(
                try await box.notices(of: 1).suffix(2) == ["late|email|skipped|\(reason)", "late|telegram|accepted|-"]
            )
            #expect(try await box.one("select count(*) from bursar.suppression") == "0")
        }
    }

    @Test("What is in doubt says on a second try what it said on the first: what is due since waits for another day")
    func doubtStaysAlone() async throws {
        try await Letterbox.open(tenants: 2) { box in
            try await box.change(
                "update bursar.receivable set due_date = '2026-03-20', grace_end = '2026-03-27' where invoice_id = 3"
            )
            box.desk.answer("payer2@example.test", .unknown)
            try await box.day("2026-03-10 19:59:30")
            #expect(box.desk.take().contains("overdue for Tenant 2: 2"))
            try await box.change("update bursar.receivable set due_date = '2026-03-10' where invoice_id = 3")
            try await box.day("2026-03-11 09:30")
            #expect(box.desk.take() == ["overdue for Tenant 2: 2"])
            #expect(try await box.notices(of: 3).last == "late|email|planned|one_a_day")
            try await box.day("2026-03-12 09:30")
            #expect(box.desk.take() == ["overdue for Tenant 2: 3"])
        }
    }

    @Test("A message in doubt whose invoice is paid stays in doubt, and its day is taken")
    func doubtOfWhatIsPaid() async throws {
        try await Letterbox.open(tenants: 1) { box in
            box.desk.answer("payer1@example.test", .unknown)
            try await box.day("2026-03-10 09:30")
            try await box.change(
                "update bursar.receivable set open_amount = 0, state = 'settled', settled_at = now() where invoice_id = 1"
            )
            try await box.day("2026-03-10 10:30")
            #expect(box.desk.take().count == 1)
            #expect(try await box.notices(of: 1).last == "late|email|skipped|paid")
            #expect(try await box.list("select state, reason from bursar.message") == ["unknown|paid"])
        }
    }

    @Test("What a peer took over in doubt and the journal of this node knows to be sent is accepted, not sent again")
    func journalledDoubt() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await TestFolder.with { folder in
                box.desk.answer("payer1@example.test", .unknown)
                try await box.day("2026-03-10 09:30")
                #expect(box.desk.take().count == 1)
                let journal = try SendJournal(folder: folder)
                try journal.record([(key: "1/invoice 1/late/email", recipient: "00", messageID: "x@y")])
                try await box.set("2026-03-10 10:30")
                try await box.deliver(journal: journal)
                #expect(box.desk.take() == [])
                #expect(try await box.notices(of: 1).last == "late|email|accepted|-")
                #expect(try await box.list("select state, outcome from bursar.message") == ["accepted|accepted"])
            }
        }
    }

    @Test("What was claimed in the evening and comes to be sent in the night goes back")
    func claimedBeforeQuiet() async throws {
        try await Letterbox.open(tenants: 10) { box in
            try await box.set("2026-03-10 19:59:00")
            try await box.plan()
            let slow = SlowDesk(box.desk) { try? await box.set("2026-03-10 20:00:01") }
            let rules = DeliveryRules(quiet: .nightly)
            let house = DeliveryHouse(desk: slow, rules: { _ in rules }, render: Letterbox.render)
            let work = DeliveryWork(try await box.context(of: "notice-delivery"), house: house, chunk: 100)
            try await work.sendAll(step: "send")
            // The eight that were on their way already.
            #expect(box.desk.take().count == 8)
            #expect(
                try await box.list(
                    "select distinct reason, not_before at time zone 'Asia/Phnom_Penh' from bursar.notice where state = 'planned'"
                ) == ["quiet_hours|2026-03-11 08:00:00"]
            )
        }
    }

    @Test("No more than the day's budget is sent; the rest has tomorrow")
    func budget() async throws {
        try await Letterbox.open(tenants: 3) { box in
            box.desk.state.withLock { $0.budgets[.email] = 2 }
            try await box.day("2026-03-06 09:30")
            #expect(box.desk.take().count == 2)
            #expect(
                try await box.one(
                    "select distinct reason || ' ' || (not_before at time zone 'Asia/Phnom_Penh') from bursar.notice where state = 'planned'"
                )
                    == "budget 2026-03-07 00:00:00"
            )
            try await box.day("2026-03-07 09:30")
            #expect(box.desk.take().count == 1)
        }
    }
}
