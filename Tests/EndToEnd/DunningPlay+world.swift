/// What a month of dunning begins with, and what happens in it.
extension DunningPlay {
    struct Happening {
        let at: DunningScript.Minute
        /// A call of a function, as SQL.
        let act: String
    }

    /// The acts of people and payers, by time.
    static func happenings(_ script: DunningScript) -> [Happening] {
        var list = [
            Happening(at: DunningScript.stopped.lowerBound, act: "bursar.stop_notices('channel:telegram', 'a test')"),
            Happening(at: DunningScript.stopped.upperBound, act: "bursar.resume_notices('channel:telegram', 'a test')"),
        ]
        for payer in script.payers {
            if let at = payer.declines, at > 0 {
                list.append(Happening(at: at, act: "bursar.withdraw_consent(\(payer.number + 1), reason => 'a test')"))
            }
        }
        for invoice in script.invoices {
            let name = "'\(invoice.reference)'"
            if let at = invoice.paid { list.append(Happening(at: at, act: "play.pay(\(name))")) }
            guard let held = invoice.held else { continue }
            let act =
                held.upperBound == .max
                ? "bursar.dispute(play.subscription(\(name)), 'not ours')"
                : "bursar.promise(play.subscription(\(name)), '\(DunningScript.date(held.upperBound / DunningScript.dayLength - 1))')"
            list.append(Happening(at: held.lowerBound, act: act))
        }
        return list.sorted { $0.at < $1.at }
    }

    /// Puts business time forward to a moment, never back.
    static func clock(_ moment: DunningScript.Minute) -> String {
        """
        update bursar.installation set business_offset = \(DunningScript.instant(moment)) - clock_timestamp()
        where bursar.business_now() < \(DunningScript.instant(moment))
        """
    }

    /// Tenants with their contacts and subscriptions, on the day before the play.
    static func world(_ script: DunningScript) -> String {
        var lines = [
            """
            update bursar.installation set environment = 'development',
                business_offset = timestamp '2026-02-28 12:00' at time zone 'Asia/Phnom_Penh' - clock_timestamp();
            select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.', policy => '{"tax_rate_basis_points": 1000, "net_days": 7}');
            select bursar.create_plan_version(1, 'plan', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR', unit => 'year');
            select bursar.put_receiving_account(1, 'bakong', 'shop@bank', 'Shop');
            select bursar.put_receiving_account(1, 'bank', '0011', 'Shop');
            """, tools,
        ]
        for payer in script.payers {
            let tenant = payer.number + 1
            lines.append(
                "select bursar.create_tenant(1, 'T\(payer.number)', 'Tenant \(payer.number)', locale => 'en');"
            )
            if payer.ahead > 0 { lines.append("select bursar.put_payer(\(tenant), time_zone => 'Asia/Tokyo');") }
            for channel in payer.channels {
                let address =
                    switch channel {
                    case "email": "payer\(payer.number)@example.test"
                    case "telegram": "\(1_000_000 + payer.number)"
                    default: "+855\(10_000_000 + payer.number)"
                    }
                lines.append("select bursar.put_contact(\(tenant), '\(channel)', '\(address)');")
            }
            if payer.declines == 0 { lines.append("select bursar.withdraw_consent(\(tenant), reason => 'a test');") }
        }
        for invoice in script.invoices {
            lines.append(
                """
                select bursar.subscribe(\(invoice.payer + 1), '\(invoice.reference)', 'plan', '[{"price": "a"}]',
                    starts_on => '\(DunningScript.date(invoice.issueDay))');
                """
            )
        }
        return lines.joined(separator: "\n")
    }

    static let tools = """
        create schema play;
        create function play.subscription(reference text) returns bigint language sql as
            $$ select id from bursar.subscription where external_ref = reference $$;
        create function play.pay(reference text) returns text language sql as $$
            select p.result
            from bursar.receivable r
            cross join lateral bursar.record_payment(r.invoice_id, 'bank_slip', r.open_amount, r.currency, 'slip ' || reference, 'a paper') as p
            where r.subscription_id = play.subscription(reference)
        $$;
        -- Puts business time forward, and runs jobs one after the other, each to its end.
        create procedure play.step(moment timestamptz, is_fresh boolean, jobs text[]) language plpgsql as $$
        declare
            job      text;
            asked    bigint;
            deadline timestamptz;
        begin
            update bursar.installation set business_offset = moment - clock_timestamp() where bursar.business_now() < moment;
            if is_fresh then
                update bursar.receiving_account set watermark = bursar.business_now() where provider = 'bakong';
            end if;
            commit;
            foreach job in array jobs loop
                select e.run_id into asked from bursar.enqueue(job,
                    retry => '{"attempts": 20, "initial": "100 milliseconds", "max": "1 second", "jitter": 0}') as e;
                commit;
                deadline := clock_timestamp() + interval '60 s';
                while not exists (select from bursar.run_history h where h.id = asked) loop
                    if clock_timestamp() > deadline then
                        raise exception 'the run % of % at % has not ended', asked, job, moment;
                    end if;
                    perform pg_sleep(0.002);
                end loop;
                commit;
            end loop;
        end $$;
        -- The process of the node that works on a run of a job, once it is running or one of its messages is in a state.
        create function play.catch(of_job text, wanted text) returns integer language plpgsql as $$
        declare
            caught   integer;
            known    bigint := (select coalesce(max(h.id), 0) from bursar.run_history h where h.job = of_job);
            deadline timestamptz := clock_timestamp() + interval '5 s';
        begin
            while clock_timestamp() < deadline loop
                select n.pid into caught
                from bursar.run r
                join bursar.node n on n.id = r.node_id
                where r.job = of_job and r.state = 'running'
                    and (wanted = 'running' or exists (select from bursar.message m where m.run_id = r.id and m.state = wanted));
                if found then
                    perform pg_sleep(random() * 0.01);
                    exit;
                end if;
                exit when exists (
                    select from bursar.run_history h
                    where h.job = of_job and h.id > known
                );
                perform pg_sleep(0.0005);
            end loop;
            return coalesce(caught, 0);
        end $$;
        """
}
