extension ContractCommand {
    static let subscriptions = [
        ContractCommand(
            "subscriptions.create",
            [
                .needs("tenant", .reference), .takes("external_ref", .text), .needs("plan", .text),
                .takes("plan_version", .whole), .needs("items", .json), .takes("starts_on", .day),
                .takes("trial_days", .whole), .takes("anchor", .day), .takes("policy", .whole), .reason,
            ],
            """
            select jsonb_build_object('subscription', bursar.subscribe(
                tenant => bursar.tenant_named($1::text), external_ref => $2::text, plan => $3::text,
                plan_version => $4::integer, items => $5::jsonb, starts_on => $6::date, trial_days => $7::integer,
                anchor => $8::date, policy => $9::bigint, reason => $10::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "subscriptions.change",
            [
                .needs("subscription", .reference), .takes("plan", .text), .takes("plan_version", .whole),
                .needs("items", .json), .reason,
            ],
            """
            select jsonb_build_object('subscription', named, 'effective_on', case
                when $2::text is null then bursar.change_items(named, $4::jsonb, $5::text)
                else bursar.change_plan(named, $2::text, $4::jsonb, $3::integer, $5::text)
            end)::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.cancel",
            [.needs("subscription", .reference), .takes("at", .text), .takes("on_date", .day), .reason],
            """
            select (to_jsonb(ended) || jsonb_build_object('subscription', named))::text as answer
            from bursar.subscription_named($1::text) as named
            cross join lateral bursar.cancel_subscription(named, coalesce($2::text, 'period_end'), $3::date, $4::text) as ended
            """
        ),
        ContractCommand(
            "subscriptions.keep",
            [.needs("subscription", .reference), .reason],
            """
            select jsonb_build_object('subscription', named, 'kept', bursar.keep_subscription(named, $2::text) is not null)::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.pause",
            [.needs("subscription", .reference), .takes("until", .day), .reason],
            """
            select jsonb_build_object('subscription', named, 'until', $2::date,
                'paused', bursar.pause_subscription(named, $2::date, $3::text) is not null)::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.resume",
            [.needs("subscription", .reference), .reason],
            """
            select jsonb_build_object('subscription', named, 'billed_from', bursar.resume_subscription(named, $2::text))::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.unpark",
            [.needs("subscription", .reference), .takes("missed", .text), .reason],
            """
            select jsonb_build_object('subscription', named,
                'billed_from', bursar.unpark_subscription(named, coalesce($2::text, 'bill'), $3::text))::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.propose_unpark",
            [.takes("issuer", .reference), .takes("missed", .text), .takes("because", .text), .reason],
            """
            select to_jsonb(made)::text as answer
            from bursar.propose_unpark(bursar.issuer_named($1::text), coalesce($2::text, 'bill'), $3::text, $4::text) as made
            """
        ),
        ContractCommand(
            "subscriptions.approve_unpark",
            [.needs("proposal", .whole), .reason],
            "select to_jsonb(done)::text as answer from bursar.approve_unpark($1::bigint, $2::text) as done"
        ),
    ]

    static let holds = [
        ContractCommand(
            "subscriptions.hold",
            [.needs("subscription", .reference), .takes("source", .text), .takes("until", .day), .reason],
            """
            select jsonb_build_object('subscription', named, 'hold', bursar.hold_billing(named, $2::text, $3::date, $4::text))::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.release",
            [.needs("subscription", .reference), .takes("source", .text), .reason],
            """
            select jsonb_build_object('subscription', named, 'source', coalesce($2::text, 'operator'),
                'released', bursar.release_hold(named, $2::text, $3::text) is not null)::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.promise",
            [.needs("subscription", .reference), .needs("pay_by", .day), .reason],
            """
            select jsonb_build_object('subscription', named, 'pay_by', $2::date,
                'hold', bursar.promise(named, $2::date, $3::text))::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
        ContractCommand(
            "subscriptions.dispute",
            [.needs("subscription", .reference), .reason],
            """
            select jsonb_build_object('subscription', named, 'hold', bursar.dispute(named, $2::text))::text as answer
            from bursar.subscription_named($1::text) as named
            """
        ),
    ]
}
