package import Billing
package import CivilTime
package import JobKit
internal import Postgres
internal import Programs

/// Which backup a drill takes.
package enum DrillSource: Equatable, Sendable {
    case latest
    /// One of the older ones by chance; the latest where there is no other.
    case random
    case named(String)
    /// The newest that had ended by a moment, played back to that moment; only pgBackRest can.
    case at(Instant)

    var words: String {
        switch self {
        case .latest: "latest"
        case .random: "random"
        case .named(let name): name
        case .at(let moment): "at \(moment)"
        }
    }
}

/// Renews on the restored copy, without any effect, as of an instant; answers with what it would have done.
///
/// The first text is the copy's URL, as its superuser. It throws where the run did not end well.
package typealias DrillRehearsal = @Sendable (_ url: String, _ asOf: Instant) async throws -> String

/// Proves that a backup restores, or says at which phase it does not.
///
/// Every phase of ``DrillReceipt/phaseNames`` is gone through in its order; the first that fails ends the drill. The scratch
/// server and every file are gone afterwards, whatever happened; after a kill the server goes with its keeper and the next
/// drill clears the files.
package struct DrillWork: Sendable {
    let house: BackupHouse
    private let engine: BackupEngine
    private let invariants: [Invariant]
    private let rehearsal: DrillRehearsal?

    /// - Parameters:
    ///   - house: what is configured.
    ///   - engine: whose backup it is.
    ///   - invariants: what must hold on the copy; with none of them the drill is partial.
    ///   - rehearsal: the renewals of the next day on the copy; without it the drill is partial.
    package init(
        _ house: BackupHouse,
        _ engine: BackupEngine = .dump,
        invariants: [Invariant],
        rehearsal: DrillRehearsal?
    ) {
        self.house = house
        self.engine = engine
        self.invariants = invariants
        self.rehearsal = rehearsal
    }

    /// Carries the drill out and writes its receipt down.
    ///
    /// - Throws: why the run shall stop, without a receipt: a drill that was broken off is no verdict.
    package func run(_ source: DrillSource, in context: JobContext) async throws -> DrillReceipt {
        let began = try await now(context)
        let scratch = house.scratch
        _ = try? await apart { () throws(VaultError) in ScratchFolder.clear(scratch) }
        let log = DrillLog()
        let facts = DrillFacts()
        let name = "\(context.run.id)-\(context.run.attempt)"
        do {
            try await whileWanted(context) { try await work(source, name, log, facts, began, context) }
        } catch let failure as CustodyFailure {
            // A server that ended on its own is noticed outside of the phases.
            if await !log.phases.contains(where: { $0.outcome == .failed }) {
                await log.add(failure.step, .failed, 0, failure.reason)
            }
        } catch {
            await clear(name, DrillLog())
            throw error
        }
        await clear(name, log)
        return try await record(source, log, facts, began, context)
    }

    private func work(
        _ source: DrillSource,
        _ name: String,
        _ log: DrillLog,
        _ facts: DrillFacts,
        _ began: Instant,
        _ context: JobContext
    ) async throws {
        let clock = ContinuousClock.now
        let desk = DrillDesk(log: log, context: context) { backup in
            let moment = if case .at(let moment) = source { moment } else { backup.takenAt }
            await facts.note(backup, rpo: moment.duration(to: began) / .seconds(1))
        }
        try await engine.drill(house).bringBack(source, as: name, desk) { copy in
            if copy.canCheckIndexes {
                try await log.phase("amcheck") { try await copy.checkIndexes() }
            } else {
                await log.skip("amcheck", "pg_amcheck is not there")
            }
            if let manifest = copy.manifest {
                try await log.phase("equality") { try await copy.checkEquality(with: manifest) }
                try await log.phase("continuity") { try await continuity(copy, manifest, context) }
            } else {
                for name in ["equality", "continuity"] { await log.skip(name, DrillCopy.withoutManifest) }
            }
            if invariants.isEmpty {
                await log.skip("invariants", "none were handed in")
            } else {
                try await log.phase("invariants") { try await copy.check(invariants, asOf: copy.asOf) }
            }
            await facts.note(rto: (ContinuousClock.now - clock) / .seconds(1))
            guard let rehearsal else { return await log.skip("rehearsal", "no renewals were handed in") }
            // The snapshot's own next day: the copy knows nothing of what came after.
            let day = copy.asOf.adding(.seconds(86_400))
            try await log.phase("rehearsal") { ((), try await copy.rehearse(rehearsal, asOf: day)) }
        }
    }

    private func continuity(
        _ copy: DrillCopy,
        _ manifest: Manifest,
        _ context: JobContext
    ) async throws -> (Void, String) {
        let row = try await context.read { try await $0.query(BackupStatements.baseline, copy.backup.name).first }
        guard let row else { return ((), "there is no earlier backup to compare with") }
        let earlier: Manifest = try JSONText(row.get("manifest", as: String.self)).decoded()
        let name: String = try row.get("name")
        let (actor, reason): (String?, String?) = (try row.get("actor"), try row.get("reason"))
        let losses = manifest.losses(since: earlier, staying: try await copy.rowsStaying(since: earlier))
        guard losses.isEmpty else {
            throw CustodyFailure("continuity", "since \(name): \(losses.prefix(5).joined(separator: "; "))")
        }
        let accepted = reason.map { "; what it lacks was accepted by \(actor ?? ""): \($0)" } ?? ""
        return ((), "nothing of \(name) is lost but by receipts of purges\(accepted)")
    }

    private func now(_ context: JobContext) async throws -> Instant {
        let now = try await context.read { try await $0.query(DrillStatements.now).first?.get("now", as: Instant.self) }
        return now ?? context.asOf
    }

    /// Removes the scratch folder, though the run was told to stop.
    private func clear(_ name: String, _ log: DrillLog) async {
        let path = "\(house.scratch)/drill-\(name)"
        let began = ContinuousClock.now
        let isGone = await Task {
            await onOwnThread {
                ScratchFolder.remove(path)
                return !FolderTree.isFolder(path)
            }
        }.value
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        await log.add(
            "destroy",
            isGone ? .passed : .failed,
            seconds,
            isGone ? "nothing is left of \(path)" : "\(path) could not be removed"
        )
    }
}

extension DrillWork {
    private func record(
        _ source: DrillSource,
        _ log: DrillLog,
        _ facts: DrillFacts,
        _ began: Instant,
        _ context: JobContext
    ) async throws -> DrillReceipt {
        let phases = await log.phases
        let backup = await facts.backup?.name
        let verdict = DrillReceipt.verdict(of: phases)
        let failed = phases.first { $0.outcome == .failed }
        let told =
            switch verdict {
            case .pass: "the drill of backup \(backup ?? "none") has passed"
            case .partial: "the drill of backup \(backup ?? "none") was partial"
            case .fail:
                "the drill of backup \(backup ?? "none") failed at \(failed?.name ?? "its beginning"): \(failed?.detail ?? "")"
            }
        let receipt = DrillReceipt(
            run: context.run.id,
            backup: backup,
            engine: engine.name.rawValue,
            source: source.words,
            host: ProcessMark.hostName,
            began_at: began,
            verdict: verdict,
            told: told,
            rpo_seconds: await facts.rpo,
            rto_seconds: await facts.rto,
            phases: phases
        )
        let text = try JSONText(encoding: receipt)
        _ = try await context.chunk(
            select: { _, _ in [text] },
            tenant: { _ in 0 },
            apply: { transaction, texts, checkpoint in
                for text in texts { _ = try await transaction.query(DrillStatements.record, text) }
                checkpoint.count("drills", 1)
            }
        )
        return receipt
    }
}

/// What becomes known while a drill goes on.
private actor DrillFacts {
    private(set) var backup: RecordedBackup?
    private(set) var rpo: Double?
    private(set) var rto: Double?

    func note(_ backup: RecordedBackup, rpo: Double) {
        self.backup = backup
        self.rpo = max(0, rpo)
    }

    func note(rto: Double) { self.rto = rto }
}
