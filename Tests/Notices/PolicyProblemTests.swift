import Foundation
import Notices
import Testing

/// Every mistake in a policy folder is told with its place, what was found and what to do.
@Suite("Policy file problems") struct PolicyProblemTests {
    private struct Case: CustomTestStringConvertible, Sendable {
        let was: String
        let becomes: String
        /// The place, then words of the message and of the remedy.
        let place: String
        let says: [String]
        var testDescription: String { says[0] }

        init(_ was: String, _ becomes: String, _ place: String, _ says: String...) {
            (self.was, self.becomes, self.place, self.says) = (was, becomes, place, says)
        }
    }

    private static let first = "{ id: courtesy, offset_days: -7, category: courtesy }"

    private static let cases = [
        Case("policy:", "polcy:", "2:1", "unknown key \"polcy\"", "did you mean \"policy\"?"),
        Case("version: 1", "version: 2", "1:10", "version must be 1"),
        Case("id: overdue", "iid: overdue", "5:9", "unknown key \"iid\" in a step", "did you mean \"id\"?"),
        Case("id: overdue", "id: Over due", "5:13", "\"Over due\" is no id", "lower-case"),
        Case("id: overdue", "id: courtesy", "5:13", "the id \"courtesy\" stands twice"),
        Case("offset_days: 1,", "offset_days: 1d,", "5:35", "must be a whole number from -365 to 365"),
        Case("offset_days: 1,", "", "5:13", "step \"overdue\" has no offset_days"),
        Case("category: overdue", "template: x", "5:13", "step \"overdue\" has no category", "courtesy, due_soon"),
        Case(
            "offset_days: 1,",
            "offset_days: 3,",
            "6:33",
            "step \"final\" is on the day of \"overdue\"",
            "day of its own"
        ),
        Case("offset_days: 1,", "offset_days: 4,", "6:33", "step \"final\" is before \"overdue\"", "by offset_days"),
        Case(
            "category: overdue",
            "category: overdu",
            "5:61",
            "there is no category \"overdu\"",
            "did you mean \"overdue\"?"
        ),
        Case("category: overdue", "category: invoice_issued", "5:61", "no step can say \"invoice_issued\""),
        Case(
            "category: overdue",
            "category: courtesy",
            "5:61",
            "says \"courtesy\" after the due date",
            "overdue, final"
        ),
        Case("offset_days: -7", "offset_days: 0", "", ""),
        Case("category: courtesy", "category: overdue", "4:50", "says \"overdue\" before the due date has passed"),
        Case("\"10:30\"", "\"24:00\"", "5:42", "must be a time of day"),
        Case("\"10:30\"", "9:00", "5:42", "must be a time of day", "\"09:00\""),
        Case("\"10:30\"", "\"20:00\"", "5:42", "20:00 of step \"overdue\" is quiet, from 20:00 to 08:00"),
        Case("telegram, email", "telegram, mail", "5:91", "must be one of email", "did you mean \"email\"?"),
        Case("telegram, email", "email, email", "5:88", "email stands twice"),
        Case("[telegram, email]", "[]", "5:80", "must be a list of one or more channels"),
        Case("valid_for: 4d", "valid_for: 0s", "6:64", "must be longer than 0s"),
        Case("calendar: kh", "calendar: kk", "7:13", "there is no calendar \"kk\"", "did you mean \"kh\"?"),
        Case("calendar: kh", "quiet: { from: \"08:00\", until: \"08:00\" }", "7:10", "quiet begins and ends at 08:00"),
        Case("calendar: kh", "quiet: { from: \"08:00\" }", "7:10", "quiet has no until"),
        Case("calendar: kh", "freshness: 0s", "7:14", "longer than 0s"),
        Case("calendar: kh", "freshness: 8d", "7:14", "longer than a week"),
        Case("calendar: kh", "approve_above: 0", "7:18", "from 1 to"),
        Case("calendar: kh", "suspension: {}", "7:3", "does not say whether it is enabled"),
        Case("calendar: kh", "suspension: { enabled: yes }", "7:26", "must be true or false"),
        Case("calendar: kh", "suspension: { enabled: false, minimum_notice: 0s }", "7:49", "longer than 0s"),
        Case(
            "calendar: kh",
            "suspension: { enabled: false, window: { from: \"16:00\", until: \"09:00\" } }",
            "7:41",
            "window of suspension has no length: 16:00 to 09:00"
        ),
        Case("id: overdue, offset_days: 1,", "id: last, offset_days: 2, template: final,", "", ""),
        Case("category: overdue", "category: final", "6:46", "is a second final notice after \"overdue\""),
    ]

    @Test("It says where, what was found, and what to do", arguments: cases)
    private func mistake(_ given: Case) throws {
        let text = PolicyText.steps.replacing(given.was, with: given.becomes)
        let problems = try PolicyFolder.with(text) { $0.problems() }
        guard !given.place.isEmpty else { return #expect(problems.isEmpty, "\(problems)") }
        #expect(problems.count == 1 && problems[0].hasPrefix("dunning.yaml:\(given.place): "), "\(problems)")
        for words in given.says { #expect(problems.joined().contains(words), "\(problems)") }
    }

    @Test("All mistakes of all files are told at once")
    func all() throws {
        let text = PolicyText.steps.replacing("10:30", with: "soon").replacing("4d", with: "-1d")
        let calendars = ["kh": PolicyFolder.calendar.replacing("country: KH", with: "country: Khmer")]
        let problems = try PolicyFolder.with(text, calendars: calendars) { $0.problems() }
        let places = problems.map { $0.prefix { $0 != " " } }
        #expect(places == ["calendars/kh.yaml:2:10:", "dunning.yaml:5:42:", "dunning.yaml:6:64:"], "\(problems)")
    }

    @Test("A file that nobody would read is a mistake: its policy would not hold")
    func stray() throws {
        let problems = try PolicyFolder.with(nil) { folder in
            try folder.write(PolicyText.steps, to: "duning.yaml")
            return folder.problems()
        }
        #expect(problems.count == 1 && problems[0].hasPrefix("duning.yaml: nobody reads this file"), "\(problems)")
    }

    @Test("An empty file, one that is no YAML, and one without a policy are mistakes")
    func broken() throws {
        for (text, says) in [
            ("", "empty"), ("version: [", "not YAML"), ("version: 1\n", "no policy"), ("[]", "mapping"),
        ] {
            let problems = try PolicyFolder.with(text) { $0.problems() }
            #expect(problems.count == 1 && problems[0].contains(says), "\(problems)")
        }
    }

    @Test(
        "A tenant's mistakes are told at the tenant",
        arguments: [
            ("courtsy: off", "there is no step \"courtsy\" to change; did you mean \"courtesy\"?"),
            ("courtsy: { at: \"10:00\" }", "did you mean \"courtesy\"?"),
            ("more: { at: \"10:00\" }", "step \"more\" has no offset_days"),
            ("overdue: { category: final }", "what step \"overdue\" says stays \"overdue\""),
            ("overdue: { offset_days: 3 }", "is on the day of"),
            ("overdue: { offset_days: -2 }", "says \"overdue\" before the due date has passed"),
            ("overdue: { at: \"21:00\" }", "is quiet"),
            ("overdue: { channels: [pigeon] }", "must be one of email"),
            ("overdue: { valid: 3d }", "unknown key \"valid\""),
            ("overdue: gone", "must be a mapping"),
        ]
    )
    func tenant(_ change: String, _ says: String) throws {
        let text = PolicyText.steps + "tenants:\n  acme:\n    steps:\n      \(change)\n"
        let problems = try PolicyFolder.with(text) { $0.problems() }
        #expect(problems.contains { $0.hasPrefix("dunning.yaml:11:") && $0.contains(says) }, "\(problems)")
    }

    @Test("Whatever the files hold, reading them ends with policies or with places, and never with a crash")
    func random() throws {
        var random = SplitMix("Policy files")
        let pieces = [
            "{", "}", "[", "]", ":", " - ", "id", "steps", "offset_days: 99999999999999999999", "\n  ", "\u{0}", "é",
        ]
        for _ in 0..<300 {
            var text = Array(PolicyText.suspending + "tenants:\n  a:\n    steps: { final: off }\n")
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<text.count, using: &random)
                let length = Int.random(in: 0...3, using: &random)
                let piece = pieces.randomElement(using: &random) ?? ""
                text.replaceSubrange(at..<min(text.count, at + length), with: Array(piece))
            }
            let problems = try PolicyFolder.with(String(text)) { $0.problems() }
            #expect(problems.allSatisfy { $0.contains("dunning.yaml") }, "\(problems)\n\(String(text))")
        }
    }
}

/// Random numbers that a seed repeats; the seed is printed, and `BURSAR_TEST_SEED` sets it.
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ name: String) {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap { UInt64($0) }
        state = given ?? UInt64.random(in: 1...UInt64(UInt32.max))
        print("\(name): seed \(state)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
