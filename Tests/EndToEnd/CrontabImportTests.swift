import Glibc
import TestSupport
import Testing

@Suite("A crontab moves here")
struct CrontabImportTests {
    private static let crontab = """
        # m h dom mon dow user command
        MAILTO=ops@example.com
        17 * * * * root cd / && run-parts --report /etc/cron.hourly
        @reboot root /usr/bin/thing
        25 6 * * 1-5 root /usr/local/bin/backup --all
        """

    @Test("The file passes the check and says when it fires; what cannot be imported is listed, and the exit code is 1")
    func imports() async throws {
        try await House.with(Portfolio.empty) { house in
            write(Self.crontab, to: "\(house.folder)/crontab")
            let output = "\(house.folder)/schedules/imported.yaml"
            let command = [
                "import", "crontab", "\(house.folder)/crontab", "--system", "--zone", "Asia/Phnom_Penh", "--output",
                output,
            ]
            let first = try await house.bursar(command)
            #expect(first.status == 1, "\(first)")
            #expect(first.output.contains("2 schedules in \(output); 1 line could not be imported"), "\(first)")
            #expect(first.errors.contains("crontab:4:1: @reboot is no time"), "\(first)")
            let check = try await house.bursar("check")
            #expect(check.status == 0 && check.output.contains("2 schedules"), "\(check)")
            let next = try await house.bursar(
                "schedules",
                "next",
                "backup",
                "--after",
                "2026-01-02T00:00:00Z",
                "--count",
                "1"
            )
            #expect(next.output.contains("2026-01-05 06:25:00 +07:00"), "\(next)")

            let again = try await house.bursar(command)
            #expect(again.status == 64 && again.errors.contains("pass --force"), "\(again)")
            #expect(try await house.bursar(command + ["--force"]).status == 1)
            let json = try await house.bursar(command + ["--force", "--json"])
            #expect(json.output.contains(#""line":4"#) && json.output.contains(#""schedules":2"#), "\(json)")
        }
    }

    @Test("A crontab without a fault ends with 0, on standard output, in the zone of the system")
    func plain() async throws {
        try await House.with(Portfolio.empty) { house in
            write("0 5 * * * /bin/true\n", to: "\(house.folder)/crontab")
            let answer = try await house.bursar("import", "crontab", "\(house.folder)/crontab", "--user", "app")
            #expect(answer.status == 0 && answer.errors.isEmpty, "\(answer)")
            #expect(answer.output.contains("\n  true:\n") && answer.output.contains(#"user: "app""#), "\(answer)")
        }
    }

    @Test("A crontab that cannot be read ends with 65 and the reason, a wrong zone too")
    func unreadable() async throws {
        try await House.with(Portfolio.empty) { house in
            let missing = try await house.bursar("import", "crontab", "\(house.folder)/nonesuch", "--zone", "UTC")
            #expect(missing.status == 65 && missing.errors.contains("No such file"), "\(missing)")
            let folder = try await house.bursar("import", "crontab", house.folder, "--zone", "UTC")
            #expect(folder.status == 65 && folder.errors.contains("directory"), "\(folder)")
            let file = fopen("\(house.folder)/latin1", "w")
            for byte: Int32 in [0x23, 0xE9, 0x0A] { fputc(byte, file) }
            fclose(file)
            let latin = try await house.bursar("import", "crontab", "\(house.folder)/latin1", "--zone", "UTC")
            #expect(latin.status == 65 && latin.errors.contains("not UTF-8"), "\(latin)")
            write("0 5 * * * /bin/true\n", to: "\(house.folder)/crontab")
            let zone = try await house.bursar("import", "crontab", "\(house.folder)/crontab", "--zone", "Mars/Base")
            #expect(zone.status == 65, "\(zone)")
        }
    }
}
