import CivilTime
import Engine
import Glibc
import Postgres
import Schedules

/// The checks of `bursar doctor`: each stands alone, so that one failure does not hide the next.
struct Checkup {
    enum State: String, Encodable {
        case holds, warns, fails
    }

    /// What one check found.
    struct Finding: Encodable {
        let check: String
        let state: State
        let detail: String
        var remedy: String?
    }

    let settings: Settings

    func findings() async -> [Finding] {
        var findings = [environmentNames(), zones(), schedules()] + otherFiles() + secretFiles()
        findings += await database()
        findings += await backups()
        findings.append(await daemon())
        return findings
    }

    func failed(_ check: String, _ error: any Error, _ state: State = .fails) -> Finding {
        let failure = describe(error)
        let detail = failure.details.first.map { "\(failure.message): \($0)" } ?? failure.message
        return Finding(check: check, state: state, detail: detail, remedy: failure.remedy)
    }

    /// A misspelt variable would be ignored in silence.
    private func environmentNames() -> Finding {
        let known = Set(SettingKey.allCases.map(\.environmentName) + ["BURSAR_CONFIG"])
        let text = (try? TextFile.read("/proc/self/environ", isRequired: false)) ?? nil
        let names = (text ?? "").split(separator: "\0").compactMap { $0.split(separator: "=").first.map(String.init) }
        let unknown = names.filter { $0.hasPrefix("BURSAR_") && !known.contains($0) }.sorted()
        guard !unknown.isEmpty else {
            return Finding(check: "environment", state: .holds, detail: "every BURSAR_ variable is known")
        }
        return Finding(
            check: "environment",
            state: .warns,
            detail: "no setting has these names: \(unknown.joined(separator: ", "))",
            remedy: "correct or remove them"
        )
    }

    private func zones() -> Finding {
        do {
            let zone = try Zone(named: "Asia/Phnom_Penh")
            return Finding(
                check: "time zones",
                state: .holds,
                detail: "\(Zone.systemDirectory) can be read; it is \(zone.localText(at: .now)) in Phnom Penh"
            )
        } catch {
            return failed("time zones", error)
        }
    }

    private func schedules() -> Finding {
        do {
            let set = try ScheduleSet.load(paths: [settings.schedules], catalogue: JobRegistry.shipped.catalogue)
            let active = set.schedules.filter { $0.isActive(in: settings.environment) }.count
            return Finding(
                check: "schedules",
                state: .holds,
                detail: "\(set.schedules.count) schedules, \(active) of them active in \(settings.environment.rawValue)"
            )
        } catch {
            return failed("schedules", error)
        }
    }

    /// Secrets that others on this machine can read.
    private func secretFiles() -> [Finding] {
        let paths =
            settings.values.values.compactMap { value -> String? in
                if case .secretFile(let path) = value.origin { return path }
                return nil
            } + [settings.bakong.keyFile, settings.bakong.emailFile].compactMap(\.self)
        return paths.sorted().map { path in
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else {
                return Finding(check: "secret file", state: .holds, detail: "\(path) is for its owner alone")
            }
            return Finding(
                check: "secret file",
                state: .warns,
                detail: "\(path) can be read by others",
                remedy: "chmod 600 \(path)"
            )
        }
    }

    private func daemon() async -> Finding {
        do {
            _ = try await OperatorClient(settings).get("/livez")
            return Finding(check: "daemon", state: .holds, detail: "answers on \(settings.operatorSocket)")
        } catch {
            return failed("daemon", error, .warns)
        }
    }
}
