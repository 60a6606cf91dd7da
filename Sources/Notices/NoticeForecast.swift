package import CivilTime
internal import JobKit
package import Postgres

/// Who would be told what by the end of a day, before anything is planned: what is planned and waits, and what the
/// policies make due until then.
///
/// It changes nothing.
package struct NoticeForecast: Codable, Sendable {
    package let until: String
    package let entries: [Entry]
    package let totals: [Total]

    package struct Entry: Codable, Sendable {
        package let tenant: String
        package let payer: String
        package let invoice: String?
        package let category: String
        package let step: String?
        package let channel: String?
        package let at: String
        /// Whether a notice of it is planned already.
        package let isPlanned: Bool
    }

    /// Of one channel; `none` is who cannot be reached.
    package struct Total: Codable, Sendable {
        package let channel: String
        package let notices: Int
        /// What a payer is told on a day shares a message.
        package let messages: Int
    }

    /// The issuer's end of a day decides; at most so many entries are listed, all of them count.
    package static func read(
        _ plans: [DunningPlan],
        on day: CivilDate,
        listing limit: Int,
        in transaction: Transaction
    ) async throws -> NoticeForecast {
        var due: [(plan: DunningPlan, due: DunningPlan.Due)] = []
        let end = try await end(of: day, in: transaction)
        for plan in plans {
            due += try await plan.due(asOf: end, after: nil, limit: .max, in: transaction).map { (plan, $0) }
        }
        let steps = due.map { entry in entry.plan.policy.steps.first { $0.id == entry.due.step } }
        let rows = try await transaction.query(
            NoticeForecastStatements.forecast,
            due.map(\.due.tenant),
            due.map(\.due.invoice),
            due.map(\.due.step),
            steps.map { $0?.category ?? "" },
            steps.map { $0?.ladder.map(\.rawValue).joined(separator: ",") ?? "" },
            steps.map { $0?.offsetDays ?? 0 },
            steps.map { $0?.minuteOfDay ?? 0 },
            end,
            limit
        )
        guard let row = rows.first else { return NoticeForecast(until: "\(end)", entries: [], totals: []) }
        return try JSONText(try row.get("answer", as: String.self)).decoded()
    }

    /// The first issuer's day.
    package static func today(in transaction: Transaction) async throws -> CivilDate {
        if let row = try await transaction.query(NoticeForecastStatements.today).first { return try row.get("today") }
        return Zone.utc.localDate(at: try await DeliveryFacts.now(in: transaction))
    }

    /// The last instant of a day of the first issuer's zone.
    private static func end(of day: CivilDate, in transaction: Transaction) async throws -> Instant {
        let row = try await transaction.query(NoticeForecastStatements.endOfDay, day).first
        return try row?.get("at") ?? Zone.utc.startOfDay(day.adding(days: 1))
    }
}

/// The statements of the forecast.
package enum NoticeForecastStatements {
    static let endOfDay = Statement(
        "notices.end_of_day",
        """
        select ($1::date + 1)::timestamp at time zone i.time_zone - interval '1 microsecond' as at from bursar.issuer i order by i.id limit 1
        """
    )

    static let today = Statement(
        "notices.today",
        "select (bursar.business_now() at time zone i.time_zone)::date as today from bursar.issuer i order by i.id limit 1"
    )

    /// Tenants, invoices, steps, categories, ladders, days, minutes; until; how many to list.
    static let forecast = Statement(
        "notices.forecast",
        """
        with told as materialized (
            select c.tenant_id, c.invoice_id, c.category, case c.category when 'courtesy' then 'optional' when 'due_soon' then 'optional'
                    else 'mandatory' end as class,
                c.step, rung.channel, (r.due_date + c.day + make_interval(mins => c.minute)) at time zone zone.name as at, zone.name as zone,
                false as is_planned, null::bigint as notice
            from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::integer[])
                as c (tenant_id, invoice_id, step, category, ladder, day, minute)
            join bursar.receivable r on r.tenant_id = c.tenant_id and r.invoice_id = c.invoice_id
            join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
            join bursar.issuer u on u.id = i.issuer_id
            left join bursar.payer p on p.tenant_id = c.tenant_id
            cross join lateral (select coalesce(p.time_zone, u.time_zone) as name offset 0) as zone
            left join lateral (
                select l.channel
                from unnest(string_to_array(c.ladder, ',')) with ordinality as l (channel, place)
                where l.channel = 'operator' or exists (
                    select from bursar.payer_address a
                    where a.tenant_id = c.tenant_id and a.channel = l.channel and a.retired_at is null
                )
                order by l.place
                limit 1
            ) as rung on true
            union all
            select n.tenant_id, n.invoice_id, n.category, n.class, n.step, n.channel, n.not_before, coalesce(p.time_zone, u.time_zone, 'UTC'), true,
                n.id
            from bursar.notice n
            left join bursar.issuer u on u.id = n.issuer_id
            left join bursar.payer p on p.tenant_id = n.tenant_id
            where n.state = 'planned' and n.not_before <= $8
        ), counted as (
            select coalesce(channel, 'none') as channel, count(*) as notices,
                count(distinct (tenant_id, class, (at at time zone zone)::date, case when class = 'transaction' then notice end)) as messages
            from told
            group by coalesce(channel, 'none')
        )
        select jsonb_build_object(
            'until', $8::timestamptz,
            'totals', (select coalesce(jsonb_agg(to_jsonb(c) order by c.channel), '[]') from counted c),
            'entries', (
                select coalesce(jsonb_agg(to_jsonb(e) order by e.at, e.invoice), '[]')
                from (
                    select coalesce(t.external_ref, t.id::text, 'house') as tenant, coalesce(p.name, t.name, 'the house') as payer,
                        i.number as invoice, w.category, w.step, w.channel, w.at, w.is_planned
                    from told w
                    left join bursar.tenant t on t.id = w.tenant_id
                    left join bursar.payer p on p.tenant_id = w.tenant_id
                    left join bursar.invoice i on i.tenant_id = w.tenant_id and i.id = w.invoice_id
                    order by w.at, w.invoice_id
                    limit $9
                ) as e
            )
        )::text as answer
        """
    )

    package static let all = [endOfDay, today, forecast]
}
