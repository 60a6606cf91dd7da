import CivilTime
import Foundation
import Notices
import Schedules
import Testing

/// What a policy folder that is in order says.
@Suite("Policy files") struct PolicyFileTests {
    @Test("Every key is read, and what is left out is what the category says")
    func keys() throws {
        let text = """
            version: 1
            policy:
              steps:
                - { id: soon, offset_days: -1, at: "08:15", category: due_soon, template: soon_short, channels: [sms, email], valid_for: 6h }
                - { id: late, offset_days: 2, category: overdue }
                - { id: final, offset_days: 5, category: final }
              quiet: { from: "21:30", until: "07:00" }
              calendar: kh
              freshness: 20m
              approve_above: 100
              payment_grace_days: 14
              suspension: { enabled: true, minimum_notice: 48h, window: { from: "10:00", until: "15:30" } }

            """
        let policy = try PolicyFolder.with(text) { try $0.read() }.policies.standard
        #expect(policy.steps.map(\.id) == ["soon", "late", "final"])
        #expect(policy.steps.map(\.offsetDays) == [-1, 2, 5])
        #expect(policy.steps.map(\.minuteOfDay) == [495, 540, 540])
        #expect(policy.steps.map(\.template) == ["soon_short", "overdue", "final"])
        #expect(
            policy.steps[0].ladder == [.sms, .email] && policy.steps[1].ladder == [.email, .telegram, .sms, .operator]
        )
        #expect(policy.steps.map(\.validFor) == [.seconds(21_600), .seconds(3 * 86_400), .seconds(5 * 86_400)])
        #expect(policy.quiet == QuietHours(from: 1290, until: 420))
        #expect(policy.calendar.name == "kh" && policy.calendar.closed.count == 3)
        #expect(policy.freshness == .seconds(1200) && policy.approveAbove == 100)
        #expect(policy.suspends && policy.minimumNotice == .seconds(48 * 3600))
        #expect(policy.suspensionHours == OpenHours(from: 600, until: 930))
    }

    @Test("Without a folder, and without a file in it, the built-in policy holds: five steps, and nobody is suspended")
    func absent() throws {
        let nowhere = try PolicyFiles.load(folder: "/nowhere/policies", today: .earliest)
        #expect(nowhere == NoticePolicies())
        #expect(try PolicyFolder.with(nil, { try $0.read() }).policies == NoticePolicies())
        let steps = nowhere.standard.steps
        #expect(steps.map(\.offsetDays) == [-7, -1, 1, 3, 6])
        #expect(steps.map(\.category) == ["courtesy", "due_soon", "overdue", "overdue", "final"])
        #expect(!nowhere.standard.suspends && nowhere.standard.quiet == .nightly)
    }

    @Test("The version is that of what the policy does, whatever the file's layout; any change makes another one")
    func version() throws {
        let policy = try PolicyFolder.with(PolicyText.steps) { try $0.read() }.policies.standard
        let laidOut = PolicyText.steps.replacing(
            "{ id: courtesy, offset_days: -7, category: courtesy }",
            with: "category: courtesy   # a comment\n      id: courtesy\n      offset_days: -7\n      at: \"09:00\""
        )
        #expect(try PolicyFolder.with(laidOut) { try $0.read() }.policies.standard == policy)
        #expect(policy.version.count == 16 && policy.version.allSatisfy(\.isHexDigit))
        #expect(policy.json.hasPrefix(#"{"calendar":{"closed":{"2026-04-14":"Khmer New Year""#))
        for (was, becomes) in [
            ("offset_days: 1,", "offset_days: 2,"), ("10:30", "10:31"), ("[telegram, email]", "[email, telegram]"),
            ("4d", "5d"), ("calendar: kh", "calendar: kh\n  freshness: 16m"), ("  calendar: kh", "  approve_above: 7"),
            ("calendar: kh", "calendar: kh\n  quiet: { from: \"20:00\", until: \"08:01\" }"),
            ("id: overdue", "id: late"), ("category: overdue", "category: overdue, template: late"),
        ] {
            let changed = PolicyText.steps.replacing(was, with: becomes)
            let version = try PolicyFolder.with(changed) { try $0.read() }.policies.standard.version
            #expect(changed != PolicyText.steps && version != policy.version, "\(becomes)")
        }
        let day = PolicyFolder.calendar.replacing("04-16", with: "04-17")
        #expect(
            try PolicyFolder.with(PolicyText.steps, calendars: ["kh": day]) { try $0.read() }
                .policies.standard.version != policy.version
        )
    }

    @Test("A tenant retimes, redirects, leaves out and adds steps, and has a version of its own")
    func tenants() throws {
        let text =
            PolicyText.steps + """
                tenants:
                  acme:
                    steps:
                      courtesy: off
                      overdue: { at: "11:00", channels: [sms], template: overdue_acme, offset_days: 2 }
                      last_word: { offset_days: 9, category: expiry_warning }
                  plain:
                    steps: {}

                """
        let policies = try PolicyFolder.with(text) { try $0.read() }.policies
        let acme = try #require(policies.overrides["acme"])
        #expect(acme.steps.map(\.id) == ["overdue", "final", "last_word"])
        #expect(
            acme.steps[0]
                == DunningStep(
                    "overdue",
                    offsetDays: 2,
                    minuteOfDay: 660,
                    category: "overdue",
                    template: "overdue_acme",
                    ladder: [.sms]
                )
        )
        #expect(acme.steps[1] == policies.standard.steps[2])
        #expect(acme.version != policies.standard.version)
        #expect(policies.policy(of: "acme") == acme && policies.policy(of: "other") == policies.standard)
        #expect(policies.policy(of: nil) == policies.standard)
        #expect(policies.overrides["plain"] == policies.standard)
        #expect(policies.all.map(\.version) == [policies.standard.version, acme.version])
        #expect(policies.templates == ["courtesy", "overdue", "final", "overdue_acme", "expiry_warning"])
    }

    @Test("A path leads to its policy folder: the folder, its policy, or one of its calendars")
    func paths() throws {
        try PolicyFolder.with(PolicyText.steps) { folder in
            let path = folder.path
            for inside in [path, "\(path)/dunning.yaml", "\(path)/calendars/kh.yaml"] {
                #expect(PolicyFiles.folder(of: inside) == path)
            }
            #expect(PolicyFiles.folder(of: "dunning.yaml") == ".")
            #expect(PolicyFiles.folder(of: "calendars/kh.yaml") == ".")
            #expect(PolicyFiles.folder(of: "schedules/billing.yaml") == nil && PolicyFiles.folder(of: "/tmp") == nil)
        }
    }
}
