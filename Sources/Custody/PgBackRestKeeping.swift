internal import CivilTime
internal import JobKit
internal import Postgres

/// What becomes of older backups: pgBackRest's own rule says it, but for the one that was verified last.
struct PgBackRestKeeping: Sendable {
    let house: BackupHouse
    let rest: PgBackRest

    /// Lets pgBackRest expire what its configuration says, unless that would take the backup that was verified last.
    ///
    /// Then nothing is expired at all, since the log between two backups goes by the same rule. Afterwards what pgBackRest no
    /// longer has is removed from the book.
    ///
    /// - Returns: what was done, as the end of a sentence; empty for nothing.
    func settle(_ context: JobContext) async throws -> String {
        let known = try await recorded(context)
        let before = try await rest.info(step: "expire")
        let plan = try await rest.run("expire", ["--dry-run"], console: "info", step: "expire")
        var words = ""
        if let kept = Self.protected(known, before).first(where: { Self.wouldLose($0, plan) }) {
            words = "; nothing was expired: \(kept) was verified last, and goes once a newer one has passed a drill"
        } else {
            try await rest.run("expire", step: "expire")
        }
        let gone = Self.gone(known, try await rest.info(step: "expire"))
        _ = try await context.chunk(
            select: { _, _ in gone },
            tenant: { _ in 0 },
            apply: { transaction, backups, checkpoint in
                for backup in backups { _ = try await transaction.execute(BackupStatements.removed, backup.name) }
                checkpoint.count("removed", backups.count)
            }
        )
        if !gone.isEmpty { words += "; removed \(gone.map(\.name).joined(separator: ", "))" }
        return words
    }

    private func recorded(_ context: JobContext) async throws -> [RecordedBackup] {
        let stanza = rest.place.stanza
        return try await context.read { try await BackupBook.list(of: .pgBackRest, in: $0) }
            .filter { $0.physical?.stanza == stanza }
    }

    /// The backup that was verified last, with all that it rests on, by their labels.
    static func protected(_ known: [RecordedBackup], _ info: PgBackRestInfo) -> [String] {
        let verified = known.filter { $0.verifiedAt != nil }.max {
            ($0.verifiedAt ?? .epoch) < ($1.verifiedAt ?? .epoch)
        }
        guard let label = verified?.physical?.label else { return [] }
        return [label] + (info.backup(label)?.restsOn ?? [])
    }

    /// Whether a plan of `expire` names a backup: any word of it does, whatever the words around it are.
    static func wouldLose(_ label: String, _ plan: [String]) -> Bool {
        plan.contains { !$0.contains("command begin") && $0.contains(label) }
    }

    /// Those that the book has and pgBackRest has not.
    static func gone(_ known: [RecordedBackup], _ info: PgBackRestInfo) -> [RecordedBackup] {
        known.filter { backup in backup.physical.map { info.backup($0.label) == nil } ?? false }
    }
}
