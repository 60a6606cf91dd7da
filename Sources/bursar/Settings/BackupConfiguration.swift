import Custody
import Glibc
import Schedules

/// Backups and drills of this machine, as configured.
struct BackupConfiguration: Sendable {
    let house: BackupHouse

    /// - Throws: a value that cannot be used.
    init(_ reader: inout SettingsReader, isInstalled: Bool, _ database: DatabaseSettings) throws(CommandFailure) {
        let state = getenv("STATE_DIRECTORY").map { String(cString: $0) }
        let usual = state ?? (isInstalled ? "/var/lib/bursar" : nil)
        let directory = try reader.text(
            .backupDirectory,
            preset: usual.map { "\($0)/backups" } ?? "\(database.developmentDirectory)-backups"
        )
        var house = BackupHouse(
            directory: directory,
            scratch: try reader.text(.backupScratch, preset: "/var/tmp/bursar-drills-\(geteuid())")
        )
        for (key, path) in [(SettingKey.backupDirectory, house.directory), (.backupScratch, house.scratch)] {
            guard path.hasPrefix("/") else { throw reader.unfit(key, "the full path of a folder") }
        }
        house.keyFile = try reader.optionalText(.backupKeyFile)
        house.recoveryKeyFile = try reader.optionalText(.backupRecoveryKeyFile)
        house.url = try reader.optionalText(.backupDatabaseURL) ?? database.privateURL(user: "bursar_backup")
        if let push = try reader.optionalText(.backupPush) {
            guard push.hasPrefix("/") else { throw reader.unfit(.backupPush, "the full path of a program") }
            house.push = [push]
        }
        house.pgBackRest = try reader.text(.backupPgBackRest, preset: house.pgBackRest)
        guard house.pgBackRest.hasPrefix("/") else {
            throw reader.unfit(.backupPgBackRest, "the full path of pgbackrest")
        }
        guard let keep = BackupKeep(text: try reader.text(.backupKeep, preset: "7d 5w")) else {
            throw reader.unfit(.backupKeep, "how many days and weeks, such as 7d 5w")
        }
        house.keep = keep
        if let text = try reader.optionalText(.backupRestoreTarget) {
            guard let target = try? Duration(scheduleText: text) else {
                throw reader.unfit(.backupRestoreTarget, "a duration such as 30m")
            }
            house.restoreTarget = target
        }
        self.house = house
    }
}
