import Postgres
import TestSupport
import Testing

/// Suspensions as an operator sees them, from the shell to the database and back.
@Suite("Suspensions by command")
struct StandingCommandTests {
    @Test(
        "Explain tells every gate and the next step, a waiver is on record, and without a policy that suspends nobody is"
    )
    func explains() async throws {
        try await House.with(Portfolio.owed) { house in
            try await house.database.setUp(
                "update bursar.installation set business_offset = business_offset + interval '20 days'"
            )
            let renewals = try await house.bursar("run", "renewals", "--here")
            #expect(renewals.status == 0, "\(renewals)")
            let late: Int64 = try await house.value("select min(id) from bursar.subscription where state = 'past_due'")

            let told = try await house.bursar("explain", "subscription", "\(late)")
            #expect(told.status == 0)
            for words in [
                "suspension:", "not suspended yet, switch: the dunning policy in force does not suspend",
                "GATES OF A SUSPENSION",
                "no backup of this database was ever seen to restore", "keeps it active",
            ] {
                #expect(told.output.contains(words), "\(words): \(told)")
            }
            let json = try await house.bursar("explain", "subscription", "\(late)", "--json")
            #expect(
                json.output.contains(#""first_red":"switch""#) && json.output.contains(#""gate":"window""#),
                "\(json)"
            )

            let dry = try await house.bursar("run", "suspensions", "--here", "--dry-run")
            #expect(dry.status == 0 && dry.description.contains("by switch"), "\(dry)")

            let daemon = try house.daemon("a")
            try await daemon.ready()
            let bare = try await house.bursar("subscriptions", "waive-notice", "\(late)")
            #expect(bare.status == 65 && bare.errors.contains("--reason"), "\(bare)")
            let waived = try await house.bursar(
                "subscriptions",
                "waive-notice",
                "\(late)",
                "--reason",
                "told by telephone"
            )
            #expect(waived.status == 0 && waived.output.contains("no final notice of INV-"), "\(waived)")
            let after = try await house.bursar("explain", "subscription", "\(late)")
            #expect(after.output.contains("told by telephone"), "\(after)")
            let proved = try await house.bursar("verify", "I9", "I10")
            #expect(proved.status == 0, "\(proved)")
        }
    }
}
