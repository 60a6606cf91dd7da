/// How a payer is reached; `operator` is the house itself.
package enum NoticeChannel: String, Codable, CaseIterable, Sendable {
    case email, telegram, sms, webhook
    case `operator`
}

/// What a notice is in the eyes of its payer: what may be declined, what must be said, and what only confirms.
package enum NoticeClass: String, Codable, CaseIterable, Sendable {
    /// A courtesy: needs consent, can be unsubscribed with one click.
    case optional
    /// Said whether it is welcome or not: what was not paid, what will be suspended.
    case mandatory
    /// Confirms what the payer or the house just did; any number a day.
    case transaction
    /// For the people who run the house.
    case `operator`
}

/// What becomes of a message of which nobody knows whether it arrived.
package enum DeliveryGuarantee: String, Codable, CaseIterable, Sendable {
    /// It is tried once more, with the same Message-ID.
    case atLeastOnce = "at_least_once"
    /// It is not tried again: a person, or a report of its delivery, says what became of it.
    case atMostOnce = "at_most_once"
}
