import ArgumentParser

/// Says what is configured from where, and what is not in order.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what is set from where, and check what the daemon needs.",
        discussion: "Secrets are shown as fingerprints. Exit code 1 when a check fails."
    )

    @OptionGroup var options: GlobalOptions

    private struct Setting: Encodable {
        let key: String
        let value: String
        let from: String
    }

    private struct Report: Encodable {
        let schemaVersion: Int
        let version: String
        let configurationFile: String?
        let settings: [Setting]
        let checks: [Checkup.Finding]
    }

    func run() async throws {
        let settings = try options.settings(needsDatabase: false)
        let findings = await Checkup(settings: settings).findings()
        let report = Report(
            schemaVersion: 1,
            version: Version.text,
            configurationFile: settings.file,
            settings: SettingKey.allCases.compactMap { key in
                settings.values[key].map { value in
                    let shown = key.isSecret ? Fingerprint.text(of: value.text) : value.text
                    return Setting(key: key.rawValue, value: shown, from: value.origin.description)
                }
            },
            checks: findings
        )
        options.show(report) { text(of: $0) }
        if findings.contains(where: { $0.state == .fails }) { throw ExitCode(ExitStatus.finding.rawValue) }
    }

    private func text(of report: Report) -> String {
        var settings = TextTable(["SETTING", "VALUE", "FROM"])
        for setting in report.settings { settings.add([setting.key, setting.value, setting.from]) }
        let marks: [Checkup.State: String] = [.holds: "[+]", .warns: "[!]", .fails: "[-]"]
        let checks = report.checks.map { finding in
            let line = "\(marks[finding.state] ?? "") \(finding.check): \(finding.detail)"
            return finding.remedy.map { "\(line)\n      try: \($0)" } ?? line
        }
        return settings.text + "\n\n" + checks.joined(separator: "\n")
    }
}
