internal import JobKit
internal import Postgres

/// How a call ended.
struct BakongOutcome: Sendable {
    var status: Int?
    var responseCode: Int?
    var errorCode: Int?
    var bytes: Int?
    var duration: Duration?
    var fault: BakongFault?
    /// It was broken off on our side: nobody knows whether it arrived.
    var isUnknown = false

    /// The word in the journal.
    var word: String { isUnknown ? "unknown" : fault == nil ? "answered" : "failed" }
}

/// The journal of calls: a row before each, its outcome after it; where the process died in between the outcome is unknown.
///
/// Holds no token, no e-mail, and no body but the start of one that was no JSON.
struct BakongJournal: Sendable {
    let context: any CallingContext

    /// Writes down that a call is about to be made.
    /// - Returns: its number.
    func intend(_ question: BakongQuestion, token: Int64?, timeout: Duration) async throws -> Int64 {
        let endpoint = question.endpoint
        let digest = BakongDigest.sha256(Array(question.keys.sorted().joined(separator: "\n").utf8))
        let isOpen = endpoint.hasOpenKeys
        return try await context.record(as: "bursar_engine") { transaction in
            let rows = try await transaction.query(
                BakongStatements.intend,
                endpoint.rawValue,
                context.callingRun,
                question.keys.count,
                isOpen ? digest : nil,
                isOpen ? question.keys : nil,
                token,
                // An outcome is written soon after the answer, or never.
                timeout + .seconds(30)
            )
            guard let row = rows.first else { throw PostgresError(.decoding, "the intent has no number") }
            return try row.get("id")
        }
    }

    /// Writes down how it ended, though the caller is told to stop; while the database is away it is tried again for some
    /// seconds, and then the outcome stays unknown.
    func conclude(_ call: Int64, _ outcome: BakongOutcome) async {
        await Task {
            for turn in 0..<20 {
                do {
                    return try await write(call, outcome)
                } catch let error as PostgresError where error.isTransient && turn < 19 {
                    // Waiting: the database is away, and nothing tells when it is back.
                    try? await Task.sleep(for: .milliseconds(250))
                } catch {
                    return
                }
            }
        }.value
    }

    private func write(_ call: Int64, _ outcome: BakongOutcome) async throws {
        try await context.record(as: "bursar_engine") { transaction in
            _ = try await transaction.execute(
                BakongStatements.conclude,
                call,
                outcome.word,
                outcome.status,
                outcome.responseCode,
                outcome.errorCode,
                outcome.duration.map { Int($0 / .milliseconds(1)) },
                outcome.bytes,
                outcome.fault?.word,
                outcome.fault?.excerpt
            )
        }
    }
}
