package import CivilTime

/// What a backup's folder holds, in the clear beside the sealed files: `backup.json`.
///
/// It says nothing of the business: counts and sums are in the sealed manifest.
package struct BackupIndex: Codable, Equatable, Sendable {
    /// One file of the backup; it lies in the folder under its name and `.sealed`.
    package struct File: Codable, Equatable, Sendable {
        package let name: String
        package let plainBytes: Int64
        package let plainSHA256: String
        package let sealedBytes: Int64
        package let sealedSHA256: String

        package init(name: String, plainBytes: Int64, plainSHA256: String, sealedBytes: Int64, sealedSHA256: String) {
            self.name = name
            self.plainBytes = plainBytes
            self.plainSHA256 = plainSHA256
            self.sealedBytes = sealedBytes
            self.sealedSHA256 = sealedSHA256
        }
    }

    package var version = 1
    package let name: String
    /// The moment of the snapshot, by the database's clock.
    package let takenAt: Instant
    /// The same moment in business time.
    package let asOf: Instant
    package let host: String
    /// Whose it is: when the database was made, which a restored one still says; nil in older backups.
    package let installation: Instant?
    /// The server's major version.
    package let serverVersion: Int
    package let databaseBytes: Int64
    package let keyID: String
    package let recoveryID: String
    /// How long it took.
    package let seconds: Double
    package let files: [File]

    package init(
        name: String,
        takenAt: Instant,
        asOf: Instant,
        host: String,
        installation: Instant?,
        serverVersion: Int,
        databaseBytes: Int64,
        keyID: String,
        recoveryID: String,
        seconds: Double,
        files: [File]
    ) {
        self.name = name
        self.takenAt = takenAt
        self.asOf = asOf
        self.host = host
        self.installation = installation
        self.serverVersion = serverVersion
        self.databaseBytes = databaseBytes
        self.keyID = keyID
        self.recoveryID = recoveryID
        self.seconds = seconds
        self.files = files
    }

    package static let file = "backup.json"
    static let manifest = "manifest.json"
    static let globals = "globals.sql"
    static let dump = "dump"

    package var plainBytes: Int64 { files.reduce(0) { $0 &+ $1.plainBytes } }
    package var sealedBytes: Int64 { files.reduce(0) { $0 &+ $1.sealedBytes } }

    /// Whether every name stays inside of the folder.
    var isSafe: Bool {
        files.allSatisfy { file in
            !file.name.isEmpty && !file.name.hasPrefix("/") && !file.name.split(separator: "/").contains("..")
        }
    }
}
