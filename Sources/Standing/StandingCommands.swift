package import Billing
package import Postgres

/// The commands of suspensions by hand, as they stand on the operator socket; each calls a function of the SQL contract.
package enum StandingCommands {
    package static let all = [
        ContractCommand(
            "subscriptions.waive_notice",
            [.needs("subscription", .reference), .reason],
            """
            select jsonb_build_object('subscription', named, 'invoice', waived.invoice, 'number', i.number)::text as answer
            from bursar.subscription_named($1::text) as named
            cross join lateral bursar.waive_final_notice(named, $2::text) as waived (invoice)
            join bursar.invoice i on i.id = waived.invoice
            """
        )
    ]

    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }
}

/// Every statement of the room, for the test that prepares them all.
package enum StandingStatements {
    package static let all: [Statement] =
        SuspensionStatements.all + ExplainedStandingStatements.all + Invariant.standing.map(\.statement)
        + StandingCommands.all.map(\.statement)
}
