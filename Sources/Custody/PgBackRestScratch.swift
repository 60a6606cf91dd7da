internal import CivilTime
internal import Glibc

/// How a cluster is restored into a drill's folder so that it touches nothing outside of it.
struct PgBackRestScratch: Sendable {
    let folder: ScratchFolder

    /// What the server is configured with, instead of what the source was.
    private var etc: String { folder.backup }
    private var locks: String { "\(etc)/locks" }
    private var spaces: String { "\(etc)/tablespaces" }
    private var spool: String { "\(etc)/spool" }

    func prepare() async throws {
        let (folder, etc, inner) = (folder, etc, [locks, spaces, spool])
        try await step("restore") { () throws(VaultError) in
            for path in inner { try FolderTree.make(path) }
            for name in ["postgresql.conf", "pg_ident.conf"] { try VaultFiles.store("", "\(etc)/\(name)") }
            try VaultFiles.store("local all all trust\n", "\(etc)/pg_hba.conf")
            try FolderTree.give(etc, to: folder.account)
        }
    }

    /// How a backup is restored here: to a moment, or to that of its manifest where there is none.
    func options(_ rest: PgBackRest, _ backup: PhysicalBackup, _ moment: Instant?) -> [String] {
        let target =
            if let moment {
                ["--type=time", "--target=\(Self.text(of: moment))"]
            } else {
                // The place is where the next word of the log would begin: what stands before it counts, and not that.
                ["--type=lsn", "--target=\(backup.moment)", "--target-exclusive", "--target-timeline=current"]
            }
        return target + [
            "--set=\(backup.label)", "--target-action=promote", "--archive-mode=off", "--cmd=\(rest.program)",
            "--pg1-path=\(folder.data)", "--reset-pg1-host", "--tablespace-map-all=\(spaces)", "--lock-path=\(locks)",
        ]
    }

    /// `2026-11-24 15:53:41.123456+00`, as the server reads it.
    static func text(of moment: Instant) -> String {
        moment.description.replacing("T", with: " ").replacing("Z", with: "+00")
    }

    /// Leaves of the settings only those by which pgBackRest says how to recover: the source's own may name its archive,
    /// its standbys, its addresses.
    func forgetSettings() async throws {
        let (folder, path) = (folder, "\(folder.data)/postgresql.auto.conf")
        try await step("restore") { () throws(VaultError) in
            let kept = Self.recovery(in: try VaultFiles.smallText(path))
            unlink(path)
            try VaultFiles.store(kept, path)
            try FolderTree.give(path, to: folder.account)
        }
    }

    static func recovery(in text: String) -> String {
        text.split(separator: "\n")
            .filter { line in
                let name = line.prefix { $0 != " " && $0 != "=" }
                return name == "restore_command" || name.hasPrefix("recovery_target")
            }
            .map { "\($0)\n" }.joined()
    }

    var settings: [String] {
        [
            "config_file=\(etc)/postgresql.conf", "hba_file=\(etc)/pg_hba.conf", "ident_file=\(etc)/pg_ident.conf",
            // Nobody may read before all is played back: so the source's limits need not be known.
            "hot_standby=off", "max_prepared_transactions=1000",
            // Why a server that is no more has ended is then the last that it said.
            "log_min_messages=fatal",
        ]
    }

    /// For pgBackRest as it restores, and for the calls of it that the server makes while it recovers.
    ///
    /// What is said this way
    /// and not by options is passed over where it means nothing.
    var environment: [String: String] {
        [
            "PGBACKREST_LOG_LEVEL_FILE": "off", "PGBACKREST_LOG_LEVEL_CONSOLE": "off",
            "PGBACKREST_LOG_LEVEL_STDERR": "error", "PGBACKREST_ARCHIVE_ASYNC": "n",
            "PGBACKREST_SPOOL_PATH": spool,
        ]
    }
}
