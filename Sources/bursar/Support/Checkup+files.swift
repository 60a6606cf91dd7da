import CivilTime
import Custody
import Glibc
import Schedules

/// The files that people write beside the schedules, and what backups find on this machine.
extension Checkup {
    /// A finding for each kind of file, as `bursar check` reads it.
    func otherFiles() -> [Finding] {
        let check = "files"
        do {
            return try [retention].compactMap(\.self)
                + FileCheckers.configured(settings, today: Zone.utc.localDate(at: .now)).map { checked in
                    if let problem = checked.problems.first {
                        let more = checked.problems.count > 1 ? " (and \(checked.problems.count - 1) more)" : ""
                        return Finding(
                            check: check,
                            state: .fails,
                            detail: "\(problem)\(more)",
                            remedy: "bursar check lists them all"
                        )
                    }
                    let what = (checked.things?.text ?? "nothing") + " in " + checked.files.joined(separator: ", ")
                    guard let warning = checked.warnings.first else {
                        return Finding(check: check, state: .holds, detail: what)
                    }
                    return Finding(check: check, state: .warns, detail: "\(what): \(warning)")
                }
        } catch {
            return [failed(check, error)]
        }
    }

    /// That nothing is ever purged, where no file says what may be.
    private var retention: Finding? {
        let file = RetentionFile.path(in: settings.noticePolicies)
        guard !ScheduleFiles.isFile(file) else { return nil }
        return Finding(
            check: "files",
            state: .warns,
            detail: "there is no \(file): nothing is ever purged",
            remedy: "copy the shipped one; docs/retention.md explains it"
        )
    }

    /// The keys of backups, and whether their folders can be written.
    func backups() async -> [Finding] {
        let house = settings.backups.house
        guard house.isConfigured else {
            return [
                Finding(
                    check: "backups",
                    state: .warns,
                    detail: "not configured: this machine makes none",
                    remedy:
                        "set backup.key_file, backup.recovery_key_file and backup.database_url; docs/backups.md tells how"
                )
            ]
        }
        return [await keys(of: house)] + [("backups", house.directory), ("drills", house.scratch)].map(folder)
    }

    private func keys(of house: BackupHouse) async -> Finding {
        do throws(CustodyFailure) {
            let keys = try await house.keyNames()
            let told = "sealed by \(keys.own), opened by \(keys.recovery) too"
            return Finding(check: "backup keys", state: .holds, detail: told)
        } catch {
            return Finding(check: "backup keys", state: .fails, detail: error.reason)
        }
    }

    private func folder(_ check: String, _ path: String) -> Finding {
        // One that is not there yet is made where its parent can be written.
        var place = path
        while access(place, F_OK) != 0, place != "/", place != "." { place = parent(of: place) }
        var status = stat()
        guard path.hasPrefix("/"), stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return Finding(
                check: check,
                state: .fails,
                detail: path.hasPrefix("/") ? "\(place) is no folder" : "\(path) is no full path",
                remedy: "name a folder by its full path"
            )
        }
        guard access(place, W_OK) == 0 else {
            return Finding(
                check: check,
                state: .fails,
                detail: "\(path) cannot be written by this user",
                remedy: "give it to the daemon's user"
            )
        }
        let free = settings.backups.house.freeBytes(place).map { ", \($0 >> 30) GiB free" } ?? ""
        return Finding(check: check, state: .holds, detail: "\(path) can be written\(free)")
    }

    private func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
