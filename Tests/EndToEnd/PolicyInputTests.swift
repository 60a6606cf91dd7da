import Glibc
import TestSupport
import Testing

@Suite("Dunning policies of a running daemon")
struct PolicyInputTests {
    private func policy(_ offset: String, in house: House) {
        mkdir("\(house.folder)/schedules/policies", 0o755)
        let steps = "    - { id: overdue, offset_days: \(offset), category: overdue }"
        write("version: 1\npolicy:\n  steps:\n\(steps)\n", to: "\(house.folder)/schedules/policies/dunning.yaml")
    }

    @Test("A file with an error changes nothing on reload, and says so with line and column; a good one is in force")
    func reload() async throws {
        try await House.with(Portfolio.empty) { house in
            policy("1", in: house)
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let before = try await daemon.text("/status")
            #expect(before.contains("\"tenants\":0") && before.contains("\"suspends\":false"), "\(before)")
            let version = try #require(Self.version(of: before))

            policy("soon", in: house)
            let refused = try await house.bursar("reload")
            #expect(refused.status == 65 && refused.errors.contains("dunning.yaml:4:35: "), "\(refused)")
            let kept = try await daemon.text("/status")
            #expect(kept.contains("dunning.yaml:4:35: ") && Self.version(of: kept) == version, "\(kept)")
            #expect(await daemon.readiness() == 503)
            let check = try await house.bursar("check")
            #expect(check.status == 65 && check.errors.contains("dunning.yaml:4:35: "), "\(check)")

            policy("2", in: house)
            let taken = try await house.bursar("reload", "--json")
            #expect(taken.status == 0 && !taken.output.contains(version), "\(taken)")
            let after = try #require(Self.version(of: try await daemon.text("/status")))
            #expect(after != version && taken.output.contains(after), "\(taken)")
            try await daemon.ready()
        }
    }

    @Test("Warnings are told and change no exit code")
    func warning() async throws {
        try await House.with(Portfolio.empty) { house in
            policy("1", in: house)
            mkdir("\(house.folder)/schedules/policies/calendars", 0o755)
            let calendar =
                "version: 1\ncountry: KH\nsource: { text: x, date: 2020-01-01 }\nuntil: 2020-12-31\nclosed: {}\n"
            write(calendar, to: "\(house.folder)/schedules/policies/calendars/kh.yaml")
            let check = try await house.bursar("check")
            #expect(check.status == 0 && check.errors.contains("kh.yaml:4:8: warning: the calendar ended"), "\(check)")
            #expect(check.output.contains("1 dunning policy"), "\(check)")
        }
    }

    private static func version(of status: String) -> String? {
        status.firstRange(of: "\"policies\":{").flatMap { start in
            let policies = status[start.upperBound...]
            return policies.firstRange(of: "\"version\":\"").map { String(policies[$0.upperBound...].prefix(16)) }
        }
    }
}
