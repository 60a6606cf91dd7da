/// A mail that tells what became of another (RFC 3464), as far as it can be read; made of whatever a mail host sent.
package struct DeliveryReport: Hashable, Sendable {
    /// What one recipient's fields say.
    package struct Recipient: Hashable, Sendable {
        /// As the report names it; the address that we wrote to stands in `original` where a host between has changed it.
        package var final: String?
        package var original: String?
        package var action: String?
        package var status: EnhancedStatus?
        package var diagnostic: DiagnosticCode?
        /// Nil where the fields contradict each other.
        package var verdict: ReturnVerdict?
    }

    package var recipients: [Recipient] = []
    /// What we gave as ENVID, in the report's own words.
    package var envelopeID: String?
    package var reportingHost: String?
    /// Of the mail that it tells of, without brackets.
    package var messageID: String?
    /// All addresses that it came to, or that the returned mail names as its envelope's sender.
    package var returnPaths: [String] = []

    /// What a mail is.
    package enum Reading: Hashable, Sendable {
        case report(DeliveryReport)
        /// Written by a machine, and no report: a vacation notice, a challenge, a read receipt.
        case autoReply(String)
        /// For a person, with why.
        case unreadable(String)
    }

    /// What the report says of a recipient's address: the block that names it; where none does, the most favourable one, since a
    /// list behind an address may fail for one of its members.
    package func recipient(for address: String?) -> Recipient? {
        func named(_ recipient: Recipient) -> Bool {
            [recipient.original, recipient.final].contains { $0?.lowercased() == address?.lowercased() && $0 != nil }
        }
        let order: [ReturnVerdict] = [.complaint, .delivered, .accepted, .soft, .failed, .policy, .hard]
        let candidates = recipients.contains(where: named) ? recipients.filter(named) : recipients
        return candidates.min { left, right in
            let places = [left, right].map { $0.verdict.flatMap(order.firstIndex) ?? order.count }
            return places[0] < places[1]
        }
    }
}
