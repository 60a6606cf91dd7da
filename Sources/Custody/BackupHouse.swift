internal import Glibc
internal import Postgres
internal import SocketLoop

/// What backups and drills find on the machine they run on, as configured.
package struct BackupHouse: Sendable {
    /// Where backups lie, each in a folder of its name.
    package var directory: String
    /// The database as the login bursar_backup, never through a pooler; nil: not configured.
    package var url: String?
    /// The keys that seal; nil: not configured.
    package var keyFile: String?
    /// The keys for recovery: both files' current keys can open what is sealed.
    package var recoveryKeyFile: String?
    /// A program that takes a whole backup elsewhere; its last argument is the backup's folder.
    package var push: [String] = []
    package var keep = BackupKeep()
    /// Where drills restore, and leave nothing behind.
    package var scratch: String
    /// How many connections and threads work side by side.
    package var jobs = 2
    /// pgBackRest, by its full path.
    package var pgBackRest = "/usr/bin/pgbackrest"
    /// The executable that keeps the programs: this one.
    package var keeper = "/proc/self/exe"
    /// How long a restore may take; nil: any time.
    package var restoreTarget: Duration?
    /// For how old a last backup, and a last verified restore, there is an alarm.
    package var oldestBackup = Duration.seconds(26 * 3600)
    package var oldestRestore = Duration.seconds(8 * 24 * 3600)
    /// How many bytes are free at a place; another answer is for tests.
    package var freeBytes: @Sendable (String) -> Int64? = { FolderTree.freeBytes(at: $0) }

    package init(directory: String, scratch: String) {
        self.directory = directory
        self.scratch = scratch
    }

    /// Whether backups are configured at all: without, nothing of them is an alarm.
    package var isConfigured: Bool { url != nil && keyFile != nil && recoveryKeyFile != nil }

    /// The keys that seal and those for recovery.
    ///
    /// - Throws: at the step `keys`: what is not configured, or cannot be read.
    func keys() async throws(CustodyFailure) -> (own: VaultKeyRing, recovery: VaultKeyRing) {
        guard let keyFile, let recoveryKeyFile else {
            throw CustodyFailure("keys", "no keys are configured; set backup.key_file and backup.recovery_key_file")
        }
        do throws(VaultError) {
            let own = try await apart { () throws(VaultError) in try VaultKeyRing.load(keyFile) }
            let recovery = try await apart { () throws(VaultError) in try VaultKeyRing.load(recoveryKeyFile) }
            guard own.current.id != recovery.current.id, own.current.bytes != recovery.current.bytes else {
                throw VaultError(
                    .keys,
                    "the recovery key is the same as the current one; make another, and keep it elsewhere"
                )
            }
            return (own, recovery)
        } catch {
            throw CustodyFailure("keys", error.reason)
        }
    }

    /// The names of the keys that seal and that recover.
    ///
    /// - Throws: at the step `keys`: what is not configured, or cannot be read.
    package func keyNames() async throws(CustodyFailure) -> (own: String, recovery: String) {
        let keys = try await keys()
        return (keys.own.current.id, keys.recovery.current.id)
    }

    /// Removes what runs of this machine have left that were killed: half backups with what they had dumped in the clear, and
    /// the servers and folders of drills.
    package func clearRemains() async {
        let (folder, scratch) = (BackupFolder(path: directory), scratch)
        _ = try? await apart { () throws(VaultError) in
            folder.clear()
            ScratchFolder.clear(scratch)
        }
    }

    /// Works with a pool of a login, which is closed afterwards.
    static func withPool<Answer>(
        _ url: String,
        _ purpose: String,
        size: Int = 1,
        _ body: (PostgresPool) async throws -> Answer
    ) async throws -> Answer {
        var configuration = PostgresConfiguration(url: url, applicationName: "bursar \(purpose)")
        // A dump holds its snapshot for as long as it takes.
        configuration.statementTimeout = nil
        configuration.idleInTransactionTimeout = nil
        let loop = try SocketLoop(name: purpose)
        let pool = PostgresPool(configuration, size: size, loop: loop)
        do {
            let answer = try await body(pool)
            await pool.close()
            loop.stop()
            return answer
        } catch {
            await pool.close()
            loop.stop()
            throw error
        }
    }
}
