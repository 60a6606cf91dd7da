import CivilTime
import Foundation
import Notices
import Testing

/// While subscriptions are suspended by a policy, its final notice is required of everybody.
@Suite("Policies that suspend") struct PolicySuspensionTests {
    private func problems(_ text: String, _ changes: [(String, String)]) throws -> [String] {
        let changed = changes.reduce(text) { $0.replacing($1.0, with: $1.1) }
        try #require(changed != text)
        return try PolicyFolder.with(changed) { $0.problems() }
    }

    @Test("With a final notice that is early enough it is in order, without a warning")
    func good() throws {
        try PolicyFolder.with(PolicyText.suspending) { folder in
            let read = try folder.read()
            #expect(read.policies.standard.suspends && read.warnings.isEmpty)
        }
    }

    @Test("Without a final notice it is refused")
    func missing() throws {
        let found = try problems(
            PolicyText.suspending,
            [("id: final", "id: late"), ("category: final", "category: overdue")]
        )
        #expect(found.count == 1 && found[0].hasPrefix("dunning.yaml:8:3: policy suspends"), "\(found)")
        // Nobody misses it where nobody is suspended.
        #expect(try problems(PolicyText.steps, [("category: final", "category: overdue")]).isEmpty)
    }

    @Test("A final notice that only the house would see is refused", arguments: ["[operator]", "[webhook, operator]"])
    func reaching(_ channels: String) throws {
        let found = try problems(PolicyText.suspending, [("valid_for: 4d", "valid_for: 4d, channels: \(channels)")])
        #expect(found.count == 1 && found[0].contains("reaches nobody but the house"), "\(found)")
    }

    @Test("Closed days and the notice itself must fit into the payment grace")
    func tooLate() throws {
        let found = try problems(PolicyText.suspending, [("grace_days: 9", "grace_days: 8")])
        #expect(found.count == 1, "\(found)")
        #expect(
            found.joined().hasPrefix(
                "dunning.yaml:6:33: the final notice comes too late for 8 days of payment grace: day 3, 3 closed"
            ),
            "\(found)"
        )
        #expect(found.joined().contains("offset_days to 2 at most"), "\(found)")
        #expect(try problems(PolicyText.suspending, [("true }", "true, minimum_notice: 73h }")]).count == 1)
    }

    @Test("Where the grace is not told, that is a warning")
    func untold() throws {
        let text = PolicyText.suspending.replacing("  payment_grace_days: 9\n", with: "")
        try PolicyFolder.with(text) { folder in
            let warnings = try folder.warnings()
            #expect(warnings.count == 1 && warnings[0].hasPrefix("dunning.yaml:6:33: warning: "), "\(warnings)")
            #expect(warnings.joined().contains("payment_grace_days"), "\(warnings)")
        }
    }

    @Test("A final notice must outlive the longest closed stretch")
    func outlived() throws {
        let found = try problems(PolicyText.suspending, [("valid_for: 4d", "valid_for: 3d23h")])
        #expect(found.count == 1 && found[0].contains("no longer valid when 3 closed days"), "\(found)")
    }

    @Test(
        "No tenant takes the final notice away, nor sends it to nobody, nor too late",
        arguments: [
            ("final: off", "the final notice cannot be off"),
            ("final: { channels: [operator] }", "reaches nobody but the house"),
            ("final: { offset_days: 4 }", "comes too late"),
            ("final: { valid_for: 1d }", "no longer valid"),
            ("final: { category: overdue }", "stays \"final\""),
        ]
    )
    func tenant(_ change: String, _ says: String) throws {
        let text = PolicyText.suspending + "tenants:\n  acme:\n    steps:\n      \(change)\n"
        let found = try PolicyFolder.with(text) { $0.problems() }
        #expect(found.contains { $0.hasPrefix("dunning.yaml:13:") && $0.contains(says) }, "\(found)")
        let harmless = text.replacing("enabled: true", with: "enabled: false")
        let left = try PolicyFolder.with(harmless) { $0.problems() }
        #expect(left.isEmpty || says.contains("stays"), "\(left)")
    }
}
