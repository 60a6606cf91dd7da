import Billing
import Postgres
import TestSupport
import Testing

@Suite("Commands of the business, as the daemon takes them")
struct ContractCommandTests {
    @Test(
        "A body that does not fit is refused with what would",
        arguments: [
            ("subscriptions.pause", "{}", "subscriptions.pause needs subscription"),
            ("subscriptions.pause", #"{"subscription": 1, "untill": "2026-01-01"}"#, "has no field untill"),
            (
                "subscriptions.pause", #"{"subscription": 1, "until": "soon"}"#,
                "until of subscriptions.pause is no day: soon"
            ),
            (
                "subscriptions.pause", #"{"subscription": true}"#,
                "subscription of subscriptions.pause is not a reference"
            ),
            (
                "subscriptions.change", #"{"subscription": "a", "items": "seat=3"}"#,
                "items of subscriptions.change is not a list"
            ),
            ("tenants.list", #"{"limit": 1.5}"#, "is not one JSON object with whole numbers"),
            ("tenants.list", "[]", "is not one JSON object"),
        ]
    )
    func refusedBodies(name: String, body: String, words: String) throws {
        let command = try #require(ContractCommand.named(name))
        let problem = #expect(throws: ContractProblem.self) {
            try command.bind(Array(body.utf8))
        }
        #expect(problem?.message.contains(words) == true, "\(problem?.message ?? "")")
        #expect(problem?.remedy.hasPrefix("it takes ") == true)
    }

    @Test("Every command has its own name, and its own statement")
    func namesAreTheirOwn() {
        #expect(Set(ContractCommand.all.map(\.name)).count == ContractCommand.all.count)
        #expect(Set(ContractCommand.statements.map(\.name)).count == ContractCommand.all.count)
    }

    @Test("An operator's command acts and answers under his name")
    func actsAsTheOperator() async throws {
        try await withBusiness { client in
            try await client.database.withPool { pool in
                let made = try await Self.perform(
                    "subscriptions.create",
                    #"{"tenant": "customer-1", "plan": "basic", "items": [{"price": "seat", "quantity": 2}], "external_ref": "7"}"#,
                    pool
                )
                #expect(made == #"{"subscription": 1}"#)
                let paused = try await Self.perform(
                    "subscriptions.pause",
                    #"{"subscription": "ref:7", "until": "2026-03-01", "reason": "on leave"}"#,
                    pool
                )
                #expect(paused.contains(#""until": "2026-03-01""#))
                let shown = try await Self.perform("subscriptions.show", #"{"subscription": 1}"#, pool)
                #expect(shown.contains(#""paused_until": "2026-03-01""#))
                #expect(shown.contains(#""actor": "operator:sok""#))
                #expect(
                    try await behindTheWall(
                        client,
                        "select content ->> 'reason' from bursar.event where kind = 'subscription.paused'"
                    ) == "on leave"
                )
            }
        }
    }

    @Test("What only looks is carried out in a transaction that cannot write")
    func readingCannotWrite() async throws {
        try await withBusiness { client in
            try await client.database.withPool { pool in
                for command in ContractCommand.all
                where command.isReading && command.fields.allSatisfy({ !$0.isRequired }) {
                    let answer = try await Self.perform(command.name, "{}", pool)
                    #expect(answer.hasPrefix("["), "\(command.name)")
                }
            }
        }
    }

    /// Carries a command out as the daemon does.
    private static func perform(_ name: String, _ body: String, _ pool: PostgresPool) async throws -> String {
        let command = try #require(ContractCommand.named(name))
        let bound = try command.bind(Array(body.utf8))
        let options = TransactionOptions(
            role: "bursar_ops",
            settings: [("bursar.actor", "operator:sok")],
            readOnly: command.isReading
        )
        return try await pool.withTransaction(options) { transaction in
            try await transaction.query(bound)[0].get("answer", as: String.self)
        }
    }
}
