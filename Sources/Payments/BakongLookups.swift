internal import CivilTime
package import JobKit
internal import Monetary
internal import Postgres

/// Bakong as the one who is asked whether attempts were paid.
///
/// It answers by our own token and nothing else; a callback is never an answer.
package struct BakongLookups: PaymentProvider {
    /// How observations name it.
    static let source = "bakong"

    private let client: BakongClient

    package init(_ client: BakongClient) { self.client = client }

    package func ask(_ lookups: [DueLookup], in context: JobContext) async throws -> [AnsweredLookup] {
        let calls = client.within(context)
        let payments = lookups.filter { $0.purpose == .payment }
        var found = try await calls.lookup(md5s: payments.compactMap(\.md5))
        // Some of Bakong's own samples index a text beyond ASCII by another md5.
        let other = payments.filter { $0.md5ASCII != nil && $0.md5.flatMap { found[$0] } == .notFound }
        found.merge(try await calls.lookup(md5s: other.compactMap(\.md5ASCII))) { first, _ in first }
        let tracked = try await tracked(lookups.compactMap { $0.purpose == .refund ? $0.providerHash : nil }, calls)
        var answers: [AnsweredLookup] = []
        for lookup in lookups {
            switch lookup.purpose {
            case .payment:
                let keys = [lookup.md5, lookup.md5ASCII].compactMap(\.self)
                let findings = keys.compactMap { found[$0] }
                let finding = findings.first { $0.transaction != nil } ?? findings.first
                answers.append(
                    AnsweredLookup(lookup, lookup.finding(finding ?? .unknown(.notAnswered), asOf: context.asOf))
                )
            case .refund:
                let finding = lookup.providerHash.flatMap { tracked[$0] } ?? .unknown(.notAnswered)
                answers.append(AnsweredLookup(lookup, lookup.finding(finding, asOf: context.asOf)))
            }
        }
        return answers
    }

    /// Looks transactions up in lists, and those again alone whose answer says nothing of where the money is.
    private func tracked(_ hashes: [String], _ calls: BakongCalls) async throws -> [String: BakongFinding] {
        var found = try await calls.lookup(hashes: hashes)
        for (hash, finding) in found {
            guard let transaction = finding.transaction, transaction.trackingStatus == nil else { continue }
            found[hash] = try await calls.lookup(hash: hash)
        }
        return found
    }
}

extension DueLookup {
    /// What Bakong said, as it is written down; a transaction without a time happened now.
    func finding(_ finding: BakongFinding, asOf: Instant) -> LookupFinding {
        switch finding {
        case .found(let transaction):
            let seen = seen(transaction, asOf: asOf)
            return seen.reverses ? .wentBack(seen) : .found(seen)
        case .notFound: return .notFound
        case .failed: return .failed
        case .staticQR: return .staticQR
        case .unknown(let fault): return .unknown(fault.word)
        }
    }

    /// What Bakong tells, as money seen.
    ///
    /// It arrived on our account only if Bakong says so.
    private func seen(_ transaction: BakongTransaction, asOf: Instant) -> SeenMoney {
        let reverses = transaction.trackingStatus?.isReversal ?? false
        let amount = transaction.amount.money.flatMap { $0.minorUnits > 0 ? $0.minorUnits : nil }
        var seen = SeenMoney(
            issuer: issuer,
            tenant: tenant,
            account: transaction.toAccount?.lowercased() == accountName ? account : nil,
            kind: .lookup,
            source: BakongLookups.source,
            externalKey: transaction.hash + (reverses ? ":went_back" : ""),
            currency: transaction.currency?.code,
            amount: amount,
            occurredAt: transaction.createdAt ?? transaction.acknowledgedAt ?? asOf
        )
        seen.reverses = reverses
        seen.md5 = md5
        seen.providerHash = transaction.hash
        seen.bankReference = transaction.externalRef
        seen.payer = transaction.fromAccount
        seen.raw = transaction.raw.text
        return seen
    }
}
