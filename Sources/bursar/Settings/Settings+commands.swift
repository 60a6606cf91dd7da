import Command
import Glibc
import Schedules

extension Settings {
    /// What commands find on this machine.
    var commandHouse: CommandHouse {
        let credentials = getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) }
        return CommandHouse(
            secretFolders: [commandSecrets, credentials].compactMap(\.self),
            refusedSecrets: Set(SettingKey.allCases.compactMap { $0.secretFile?.credential })
                .union([BakongConfiguration.credentials.key, BakongConfiguration.credentials.email])
                .union([ReturnsConfiguration.credentials.key, ReturnsConfiguration.credentials.secret]),
            privateFolders: commandDirectory,
            startsUndeclared: environment == .development
        )
    }

    /// Under systemd the daemon's own runtime folder, in memory and gone with the service.
    static var usualCommandDirectory: String {
        if let folder = getenv("RUNTIME_DIRECTORY") { return String(cString: folder) + "/commands" }
        let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        return "\(temporary)/bursar-commands-\(geteuid())"
    }
}
