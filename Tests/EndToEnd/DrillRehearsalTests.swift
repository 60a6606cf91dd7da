import Custody
import Glibc
import TestSupport
import Testing

/// The last thing that a drill tries: the renewals of the next day, on the copy.
@Suite("The rehearsal of a drill")
struct DrillRehearsalTests {
    @Test(
        "A good copy tells how many invoices it would issue and the total of each currency, and the source is as before"
    )
    func good() async throws {
        try await Strongroom.with { room in
            try await House.with(Portfolio.owed) { house in
                let settings = room.settings(house)
                let due = try await dueTomorrow(house)
                let backup = try await house.bursar(["backup", "run", "--here"], settings: settings)
                #expect(backup.status == 0, "\(backup)")
                let before = try await books(house)
                let drill = try await house.bursar(["drill", "run", "--here"], settings: settings)
                #expect(drill.status == 0, "\(drill)")
                let receipt = try await house.lastDrill().receipt
                #expect(receipt.verdict == .pass, "\(receipt.told)")
                let told = try #require(receipt.phases.first { $0.name == "rehearsal" }).detail
                #expect(told.contains("issued \(due) invoices, "), "\(told)")
                #expect(due > 2 && told.contains("KHR") && told.contains("USD"), "\(told)")
                #expect(try await books(house) == before, "nothing is written to the source")
            }
        }
    }

    @Test("A copy whose renewals break fails at rehearsal; so does one on which not one invoice can be issued")
    func broken() async throws {
        try await Strongroom.with { room in
            try await House.with(Portfolio.owed) { house in
                let settings = room.settings(house)
                let due = try await dueTomorrow(house)
                // Each line is refused, and each subscription waits for a person.
                try await house.database.setUp(
                    """
                    create function bursar.refuse_line() returns trigger language plpgsql as
                        $$ begin raise exception 'this line cannot be written'; end $$;
                    create trigger refuse_line before insert on bursar.invoice_line for each row execute function bursar.refuse_line()
                    """
                )
                let none = try await fail(house, settings)
                #expect(none.contains("could issue none of \(due) invoices"), "\(none)")
                try await house.database.setUp(
                    """
                    drop trigger refuse_line on bursar.invoice_line;
                    create or replace function bursar.renewals_forecast(as_of timestamptz)
                        returns table (tenant_id bigint, subscription_id bigint, issuer_id bigint, currency text, invoices bigint, total bigint)
                        language plpgsql stable parallel safe as $$ begin raise exception 'nobody knows what is due'; end $$
                    """
                )
                let broken = try await fail(house, settings)
                #expect(broken.contains("ended as dead") && broken.contains("nobody knows what is due"), "\(broken)")
            }
        }
    }

    /// Two more subscriptions, in riel and in dollars, and everything renewed up to the eve of their second period.
    ///
    /// - Returns: how many invoices the next day will want.
    private func dueTomorrow(_ house: House) async throws -> Int {
        try await house.database.setUp(
            """
            select bursar.subscribe(1, 'next-' || p.code, p.code, '[{"price": "base"}]') from bursar.plan as p;
            update bursar.installation set business_offset = ((
                select date_trunc('day', clock_timestamp(), 'Asia/Phnom_Penh') at time zone 'Asia/Phnom_Penh' + interval '1 month'
            )::date - 1 + time '12:00') at time zone 'Asia/Phnom_Penh' - clock_timestamp();
            insert into bursar.exchange_rate (source, base, quote, rate_date, rate)
            values ('nbc', 'USD', 'KHR', (bursar.business_now() at time zone 'Asia/Phnom_Penh')::date, 4015)
            on conflict do nothing;
            """
        )
        let renewed = try await house.bursar("run", "renewals", "--here")
        #expect(renewed.status == 0, "\(renewed)")
        return try await house.value(
            "select count(*) from bursar.renewals_due(bursar.business_now() + interval '1 day')"
        )
    }

    /// Takes a backup and drills it.
    /// - Returns: what the receipt tells.
    private func fail(_ house: House, _ settings: [String: String]) async throws -> String {
        let backup = try await house.bursar(["backup", "run", "--here"], settings: settings)
        #expect(backup.status == 0, "\(backup)")
        let drill = try await house.bursar(["drill", "run", "--here"], settings: settings)
        #expect(drill.status == 1, "\(drill)")
        let recorded = try await house.lastDrill()
        #expect(recorded.failedPhase == "rehearsal", "\(recorded.receipt.told)")
        #expect(recorded.receipt.phases.last?.name == "destroy")
        #expect(Strongroom.entries(room(settings)) == [], "nothing is left of the drill")
        return recorded.receipt.told
    }

    private func room(_ settings: [String: String]) -> String { settings["BURSAR_BACKUP_SCRATCH"] ?? "" }

    /// What a renewal would change.
    private func books(_ house: House) async throws -> [String] {
        try await house.list(
            """
            select concat_ws(' ', (select count(*) from bursar.invoice), (select count(*) from bursar.invoice_line),
                (select count(*) from bursar.period), (select sum(last_number) from bursar.number_series),
                (select count(*) from bursar.subscription_transition), (select md5(string_agg(s::text, ',' order by s.id)) from bursar.subscription s),
                (select count(*) from bursar.run where job = 'renewals'), (select count(*) from bursar.run_history where job = 'renewals'))
            """
        )
    }
}
