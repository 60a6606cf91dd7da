internal import TestSupport
internal import Testing

@Suite("What the contract refuses, and in which words")
struct ContractRefusalTests {
    struct Refusal: CustomTestStringConvertible {
        let call: String
        let code: String
        let words: String
        var before = ""

        var testDescription: String { call }
    }

    private static let order =
        "select bursar.subscribe(1, 'order-1', 'basic', '[{\"price\": \"seat\", \"quantity\": 3}]'); "

    static let refusals = [
        Refusal(call: "bursar.create_issuer('', 'X')", code: "BU003", words: "an issuer needs a name and a legal name"),
        Refusal(
            call: "bursar.create_issuer('X', 'X', 'Mars/Olympus')",
            code: "BU003",
            words: "'Mars/Olympus' is not a time zone"
        ),
        Refusal(
            call: "bursar.create_issuer('X', 'X', invoice_prefix => 'a-1')",
            code: "BU003",
            words: "cannot begin an invoice's number"
        ),
        Refusal(
            call: "bursar.create_issuer('Other', 'X', external_ref => 'angkor')",
            code: "BU003",
            words: "was asked for with other content"
        ),
        Refusal(call: "bursar.create_policy(9, '{}')", code: "BU004", words: "there is no issuer 9"),
        Refusal(call: "bursar.create_policy(1, '{\"netdays\": 3}')", code: "BU003", words: "a policy has no 'netdays'"),
        Refusal(
            call: "bursar.create_policy(1, '{\"net_days\": 900}')",
            code: "BU003",
            words: "net_days of a policy is out of its range"
        ),
        Refusal(
            call: "bursar.create_policy(1, '{\"net_days\": \"soon\"}')",
            code: "BU003",
            words: "a policy has a value of the wrong kind"
        ),
        Refusal(
            call: "bursar.create_policy(1, '{\"net_days\": null}')",
            code: "BU003",
            words: "net_days of a policy cannot be null"
        ),
        Refusal(
            call: "bursar.create_plan_version(1, 'x', '[]', 'USD')",
            code: "BU003",
            words: "a plan version needs prices"
        ),
        Refusal(
            call:
                "bursar.create_plan_version(1, 'x', '[{\"code\": \"a\", \"description\": \"A\", \"unit_amount\": 12.5}]', 'USD')",
            code: "BU003",
            words: "unit_amount of a is a whole number"
        ),
        Refusal(
            call:
                "bursar.create_plan_version(1, 'x', '[{\"code\": \"a\", \"description\": \"A\", \"unit_amount\": 1, \"tax\": 1}]', 'USD')",
            code: "BU003",
            words: "a price has no 'tax'"
        ),
        Refusal(
            call:
                "bursar.create_plan_version(1, 'x', '[{\"code\": \"a\", \"description\": \"A\", \"unit_amount\": 1}]', 'EUR')",
            code: "BU003",
            words: "'EUR' is not a currency that is billed here"
        ),
        Refusal(
            call:
                "bursar.create_plan_version(1, 'x', '[{\"code\": \"a\", \"description\": \"A\", \"unit_amount\": 1}]', 'USD', 'week', 1, 'last_day')",
            code: "BU003",
            words: "last_day needs months or years"
        ),
        Refusal(
            call: "bursar.create_tenant(1, 'customer-1', 'Somebody else')",
            code: "BU003",
            words: "the tenant with external_ref 'customer-1' was asked for with other content"
        ),
        Refusal(call: "bursar.create_tenant(7, 'x', 'X')", code: "BU004", words: "there is no issuer 7"),
        Refusal(call: "bursar.create_tenant(1, 'x', 'X', locale => 'Khmer!')", code: "BU003", words: "is not a locale"),
        Refusal(call: "bursar.change_tenant(5, 'X')", code: "BU004", words: "there is no tenant 5"),
        Refusal(call: "bursar.subscribe(5, 'x', 'basic', '[]')", code: "BU004", words: "there is no tenant 5"),
        Refusal(call: "bursar.subscribe(1, 'x', 'gold', '[]')", code: "BU004", words: "issuer 1 has no plan 'gold'"),
        Refusal(call: "bursar.subscribe(1, 'x', 'basic', '[]')", code: "BU003", words: "a subscription needs items"),
        Refusal(
            call: "bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"desk\"}]')",
            code: "BU003",
            words: "the plan version has no price 'desk'"
        ),
        Refusal(
            call: "bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"seat\", \"quantity\": -1}]')",
            code: "BU003",
            words: "quantity of seat is a whole number"
        ),
        Refusal(
            call: "bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"seat\"}, {\"price\": \"seat\"}]')",
            code: "BU003",
            words: "two items have one price"
        ),
        Refusal(
            call: "bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"seat\", \"quantity\": 999999999999999}]')",
            code: "BU003",
            words: "a period would cost more than"
        ),
        Refusal(
            call: "bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"seat\"}]', anchor => '2026-02-01')",
            code: "BU003",
            words: "lies after the first billed day"
        ),
        Refusal(
            call: "bursar.subscribe(1, ' ', 'basic', '[{\"price\": \"seat\"}]')",
            code: "BU003",
            words: "an external_ref is not empty"
        ),
        Refusal(
            call: "bursar.subscribe(1, 'order-1', 'basic', '[{\"price\": \"seat\", \"quantity\": 4}]')",
            code: "BU003",
            words: "the subscription with external_ref 'order-1' was asked for with other content",
            before: order
        ),
        Refusal(
            call: "bursar.change_plan(1, 'riel', '[{\"price\": \"seat\"}]')",
            code: "BU003",
            words: "plan riel is billed in KHR, the subscription in USD",
            before: order
        ),
        Refusal(
            call: "bursar.change_plan(1, 'yearly', '[{\"price\": \"seat\"}]')",
            code: "BU003",
            words: "before the change",
            before: order + "select bursar.cancel_subscription(1, 'on_date', '2026-02-10'); "
        ),
        Refusal(call: "bursar.cancel_subscription(3)", code: "BU004", words: "there is no subscription 3"),
        Refusal(
            call: "bursar.cancel_subscription(1, 'soon')",
            code: "BU003",
            words: "'soon' is not a time to cancel at",
            before: order
        ),
        Refusal(
            call: "bursar.cancel_subscription(1, 'on_date', '2026-01-30')",
            code: "BU003",
            words: "2026-01-30 is past: it is 2026-01-31",
            before: order
        ),
        Refusal(
            call: "bursar.cancel_subscription(1)",
            code: "BU003",
            words: "subscription 1 is canceled, which is final",
            before: order + "select bursar.cancel_subscription(1, 'now'); "
        ),
        Refusal(
            call: "bursar.keep_subscription(1)",
            code: "BU003",
            words: "subscription 1 is not to be canceled",
            before: order
        ),
        Refusal(
            call: "bursar.pause_subscription(1, '2026-01-31')",
            code: "BU003",
            words: "is not in the future",
            before: order
        ),
        Refusal(
            call: "bursar.pause_subscription(1)",
            code: "BU003",
            words: "subscription 1 is paused and cannot be paused",
            before: order + "select bursar.pause_subscription(1); "
        ),
        Refusal(
            call: "bursar.pause_subscription(1)",
            code: "BU003",
            words: "is trialing and cannot be paused",
            before: "select bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"seat\"}]', trial_days => 3); "
        ),
        Refusal(
            call: "bursar.pause_subscription(1)",
            code: "BU003",
            words: "that began on 2026-01-05 is not billed yet",
            before: "select bursar.subscribe(1, 'x', 'basic', '[{\"price\": \"seat\"}]', starts_on => '2026-01-05'); "
        ),
        Refusal(
            call: "bursar.resume_subscription(1)",
            code: "BU003",
            words: "subscription 1 is active, not paused",
            before: order
        ),
        Refusal(call: "bursar.hold_billing(1)", code: "BU003", words: "a hold needs a reason", before: order),
        Refusal(
            call: "bursar.hold_billing(1, 'legal', reason => 'x')",
            code: "BU005",
            words: "a hold of source legal is the operator's",
            before: order
        ),
        Refusal(
            call: "bursar.hold_billing(1, 'dispute', reason => 'x')",
            code: "BU003",
            words: "is not placed by hand for a dispute",
            before: order
        ),
        Refusal(
            call: "bursar.release_hold(1, 'sales')",
            code: "BU004",
            words: "subscription 1 has no hold of source sales",
            before: order
        ),
        Refusal(call: "bursar.promise(1, '2026-01-20')", code: "BU003", words: "is over already", before: order),
        Refusal(call: "bursar.set_rate(0, '2026-01-31')", code: "BU003", words: "is not a rate"),
        Refusal(
            call: "bursar.set_rate(4014, '2026-01-31')",
            code: "BU003",
            words: "nbc has a rate of 4013 for 2026-01-31 already",
            before: "select bursar.set_rate(4013, '2026-01-31'); "
        ),
        Refusal(
            call: "bursar.import_rates('[{\"date\": \"2026-02-30\", \"rate\": \"4013\"}]')",
            code: "BU003",
            words: "2026-02-30 is not a day"
        ),
        Refusal(
            call: "bursar.import_rates('[{\"date\": \"2026-02-03\", \"rate\": \"4,013\"}]')",
            code: "BU003",
            words: "4,013 is not a rate"
        ),
        Refusal(
            call: "bursar.unpark_subscription(1)",
            code: "42501",
            words: "permission denied for function unpark_subscription",
            before: order
        ),
    ]

    @Test("Every refusal has its code, its words and a hint")
    func refusals() async throws {
        try await withBusiness { client in
            for refusal in Self.refusals {
                // What was rolled back used up its ids.
                try await client.database.setUp("alter table bursar.subscription alter id restart")
                let answer = try await client.run("begin; \(refusal.before) select \(refusal.call);")
                #expect(answer.complaint.contains("\(refusal.code):"), "\(refusal.call): \(answer.complaint)")
                #expect(answer.complaint.contains(refusal.words), "\(refusal.call): \(answer.complaint)")
                #expect(refusal.code == "42501" || answer.complaint.contains("HINT:"), "\(refusal.call) has no hint")
            }
            #expect(try await behindTheWall(client, "select count(*) from bursar.subscription") == "0")
        }
    }

    @Test("A parked subscription takes no changes from the web application")
    func parked() async throws {
        try await withBusiness { client in
            _ = try await client.value(Self.order)
            try await client.database.setUp(
                "update bursar.subscription set parked_at = bursar.business_now(), parked_reason = 'its items overflow'"
            )
            let answer = try await client.run("select bursar.cancel_subscription(1)")
            #expect(answer.complaint.contains("BU003: subscription 1 is parked: its items overflow"))
            #expect(answer.complaint.contains("bursar subscriptions unpark 1"))
        }
    }

    @Test("An operator's decision needs a reason, the web application's does not")
    func reasons() async throws {
        try await withBusiness { client in
            _ = try await client.value(Self.order)
            var operators = client
            operators.user = "postgres"
            let answer = try await operators.run(
                "set bursar.actor = 'operator:sok'; select bursar.pause_subscription(1);"
            )
            #expect(answer.complaint.contains("BU003: an operator's decision needs a reason"))
            _ = try await client.value("select bursar.pause_subscription(1)")
        }
    }
}
