package import Postgres

/// The SQL of the demonstration portfolio: a few set-based inserts, whatever its size.
///
/// Chance comes from `hashint8extended(ordinal, seed)`, whose bits are cut into dice, so that the same seed on the same day
/// of the same database makes the same rows, ids included. `$1` is the issuer's ordinal (its external ref is `demo:$1`),
/// which keeps the seed.
package enum DemoStatements {
    /// One demonstration at a time, and nobody adds an issuer meanwhile.
    package static let lock = Statement(
        "demo.lock",
        "lock table bursar.issuer, bursar.tenant in share row exclusive mode"
    )

    /// What stands in the way: `environment`, `real` issuers (how many are no demonstration), `loaded` (this one is here).
    package static let standing = Statement(
        "demo.standing",
        """
        select (select environment from bursar.installation) as environment,
               (select count(*) from bursar.issuer where external_ref is null or external_ref not like 'demo:%') as real,
               exists (select from bursar.issuer where external_ref = 'demo:' || $1::bigint) as loaded
        """
    )

    /// The issuer with its two policies.
    ///
    /// The second one, with thirty days net, is for customers who asked for it.
    package static let issuer = Statement(
        "demo.issuer",
        """
        with made as (
            insert into bursar.issuer (id, external_ref, name, legal_name, time_zone, tax_id, invoice_prefix, created_at)
            overriding system value
            select coalesce(max(id), 0) + 1, 'demo:' || $1::bigint, 'Sovannaphum Property Services',
                   'Sovannaphum Property Services Co., Ltd.', 'Asia/Phnom_Penh', 'K009-902100457',
                   'INV', date_trunc('day', bursar.business_now(), 'Asia/Phnom_Penh') - interval '900 days'
            from bursar.issuer
            returning id, created_at
        ), policies as (
            insert into bursar.policy (id, issuer_id, version, net_days, payment_grace_days, created_at)
            overriding system value
            select (select coalesce(max(id), 0) from bursar.policy) + v.version, made.id, v.version, v.net_days, v.grace, made.created_at
            from made cross join (values (1, 7, 7), (2, 30, 14)) as v (version, net_days, grace)
            returning 1
        )
        insert into bursar.audit_entry (tenant_id, at, actor, action, object, canonical)
        select 0, now.at, bursar.actor(), 'demo.loaded', 'issuer:' || made.id,
               bursar.audit_canonical(0, now.at, bursar.actor(), 'demo.loaded', 'issuer:' || made.id, null, '{}')
        from made cross join (select bursar.business_now()) as now (at)
        """
    )

    /// Puts the first policy in force and marks the installation.
    package static let inForce = Statement(
        "demo.in_force",
        """
        with marked as (update bursar.installation set demo = true)
        update bursar.issuer as i set policy_id = p.id
        from bursar.policy as p
        where i.external_ref = 'demo:' || $1::bigint and p.issuer_id = i.id and p.version = 1
        """
    )

    /// Riel for a dollar on each working day of the last 400, as the national bank might have set it.
    package static let rates = Statement(
        "demo.rates",
        """
        insert into bursar.exchange_rate (source, base, quote, rate_date, rate, created_at)
        select 'nbc', 'USD', 'KHR', day,
               4040 + round(25 * sin(n / 37.0)) + mod(hashint8extended(day - date '2000-01-01', $1::bigint), 7),
               day + time '08:30' at time zone 'Asia/Phnom_Penh'
        from generate_series(0, 400) as n
        cross join lateral (select (bursar.business_now() at time zone 'Asia/Phnom_Penh')::date - n) as of_day (day)
        where extract(isodow from day) < 6
        on conflict do nothing
        """
    )

    /// The catalogue (`$2`, JSON): plans, their versions and prices.
    package static let plans = Statement(
        "demo.plans",
        """
        with wanted as (
            select i.id as issuer_id, i.created_at, p.*
            from bursar.issuer as i
            cross join jsonb_to_recordset($2::jsonb) as p (plan bigint, code text, name text, unit text, count integer, day_policy text,
                currency text, trial_days integer, prices jsonb)
            where i.external_ref = 'demo:' || $1::bigint
        ), base as (
            select (select coalesce(max(id), 0) from bursar.plan) as plan,
                   (select coalesce(max(id), 0) from bursar.plan_version) as plan_version,
                   (select coalesce(max(id), 0) from bursar.price) as price
        ), plans as (
            insert into bursar.plan (id, issuer_id, code, name) overriding system value
            select base.plan + w.plan, w.issuer_id, w.code, w.name from wanted as w cross join base
        ), versions as (
            insert into bursar.plan_version (id, plan_id, issuer_id, version, unit, count, day_policy, currency, trial_days, created_at)
            overriding system value
            select base.plan_version + w.plan, base.plan + w.plan, w.issuer_id, 1, w.unit, w.count, w.day_policy, w.currency,
                   w.trial_days, w.created_at
            from wanted as w cross join base
        )
        insert into bursar.price (id, plan_version_id, currency, code, description, unit_amount) overriding system value
        select base.price + row_number() over (order by w.plan, p.place), base.plan_version + w.plan, w.currency,
               p.price ->> 'code', p.price ->> 'description', (p.price ->> 'unit_amount')::bigint
        from wanted as w cross join base
        cross join lateral jsonb_array_elements(w.prices) with ordinality as p (price, place)
        """
    )

    /// `$2` tenants: seven in ten are companies (`$3` heads, `$4` trades, `$5` forms), the rest people (`$6` family names,
    /// `$7` given names).
    package static let tenants = Statement(
        "demo.tenants",
        """
        insert into bursar.tenant (id, issuer_id, external_ref, name, tax_id, locale, created_at) overriding system value
        select base.tenant + n, i.id, 'T' || lpad(n::text, 6, '0'),
               case when company
                   then ($3::text[])[1 + (h >> 4 & 1023) % cardinality($3::text[])] || ' '
                       || ($4::text[])[1 + (h >> 14 & 1023) % cardinality($4::text[])] || ' '
                       || ($5::text[])[1 + (h >> 24 & 1023) % cardinality($5::text[])]
                   else ($6::text[])[1 + (h >> 4 & 1023) % cardinality($6::text[])] || ' '
                       || ($7::text[])[1 + (h >> 14 & 1023) % cardinality($7::text[])]
               end,
               case when company then 'K' || lpad((h >> 34 & 15)::text, 3, '0') || '-' || 100000000 + n end,
               case when h >> 40 & 3 = 0 then 'en' else 'km' end,
               i.created_at + make_interval(mins => n::integer % 1000)
        from bursar.issuer as i
        cross join (select coalesce(max(id), 0) as tenant from bursar.tenant) as base
        cross join generate_series(1, $2::bigint) as n
        cross join lateral (select hashint8extended(n, $1::bigint * 16 + 1)) as chance (h)
        cross join lateral (select (h & 15) < 11) as kind (company)
        where i.external_ref = 'demo:' || $1::bigint
        """
    )

    /// Lets the identity columns go on behind the ids that were given.
    package static let identities = Statement(
        "demo.identities",
        """
        select setval(pg_get_serial_sequence('bursar.' || name, 'id'), greatest(last, 1), last > 0)
        from (
            select 'issuer' as name, max(id) as last from bursar.issuer
            union all select 'policy', max(id) from bursar.policy
            union all select 'plan', max(id) from bursar.plan
            union all select 'plan_version', max(id) from bursar.plan_version
            union all select 'price', max(id) from bursar.price
            union all select 'tenant', max(id) from bursar.tenant
            union all select 'subscription', max(id) from bursar.subscription
            union all select 'subscription_item', max(id) from bursar.subscription_item
        ) as given
        where last is not null
        """
    )

    /// Counts the rows that were loaded, so that what comes next is planned for them and not for empty tables.
    package static let counted = Statement(
        "demo.counted",
        """
        analyze bursar.tenant, bursar.subscription, bursar.subscription_schedule, bursar.subscription_item,
            bursar.subscription_transition, bursar.exchange_rate
        """
    )

    package static let all = [
        lock, standing, issuer, inForce, rates, plans, tenants, subscriptions, items, holds, rests, plainSubscriptions,
        identities, counted,
    ]
}
