package import CivilTime
package import Postgres

/// Something that is not as it must be, found by an ``Inspection``.
package struct Finding: Hashable, Sendable {
    /// What it is about, short and stable: the same finding has the same name at every look.
    package let name: String
    /// One sentence for an operator.
    package let text: String
    /// Since when it is so, where that is known.
    package let since: Instant?

    package init(_ name: String, _ text: String, since: Instant? = nil) {
        self.name = name
        self.text = text
        self.since = since
    }
}

/// A look at the program's own state, as a job module asks for it.
///
/// A job module may know neither the engine nor SQL, and the engine comes after JobKit: so the engine conforms to this, and
/// the executable hands its conformance to the job.
package protocol Inspection: Sendable {
    /// Everything that is not as it must be, read across all tenants.
    func findings(in transaction: Transaction) async throws -> [Finding]

    /// Makes the alarms of this inspection be exactly its findings: raises the new ones, clears those that are gone.
    func raise(_ findings: [Finding], in transaction: Transaction) async throws
}

extension JobContext {
    /// Looks, and raises and clears alarms, in one fenced transaction; a dry run only looks.
    package func carryOut(_ inspection: any Inspection) async throws -> [Finding] {
        try await fenced(role: "bursar_scan", rollBack: run.isDryRun) { transaction in
            let findings = try await inspection.findings(in: transaction)
            if !run.isDryRun {
                await transaction.setRole("bursar_engine")
                try await inspection.raise(findings, in: transaction)
            }
            return findings
        }
    }
}
