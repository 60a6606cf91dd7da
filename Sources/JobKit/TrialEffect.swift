package import Postgres

/// An effect that tells whether effects happen once: a row of a ledger, say, for every time it is carried out.
package protocol TrialEffect: Sendable {
    /// Writes the effect with this number, from 1, of a run.
    func write(_ number: Int64, of run: RunIdentity, in transaction: Transaction) async throws
}

extension JobContext {
    /// Carries an effect out so many times, each in a chunk of its own, and counts them as `written`.
    package func carryOut(_ effect: any TrialEffect, times: Int) async throws {
        guard times > 0 else { return }
        var count = 0
        repeat {
            count = try await chunk { _, checkpoint in
                let next = (checkpoint.cursor(of: "write") ?? 0) + 1
                return next <= Int64(times) ? [next] : []
            } tenant: { _ in
                0
            } apply: { transaction, numbers, checkpoint in
                for number in numbers {
                    try await effect.write(number, of: run, in: transaction)
                    checkpoint.advance("write", to: number)
                    checkpoint.count("written", 1)
                }
            }
        } while count > 0
    }
}
