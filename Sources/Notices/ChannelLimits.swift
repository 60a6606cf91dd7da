internal import Engine
package import JobKit
package import Postgres

extension SendOutcome {
    /// What it says of the channel's provider: whoever refuses us for what we are is left alone by every run and every node.
    ///
    /// Nobody is suppressed for it. A message that went to one recipient's own endpoint says nothing of the others.
    package var callVerdict: CallVerdict {
        if isAboutRecipient { return .answered }
        return switch verdict {
        case .accepted, .soft, .hard: .answered
        case .transport, .unknown: .failed
        case .configuration: .askedToWait(ChannelDesk.restOfConfiguration)
        case .policy: .askedToWait(ChannelDesk.restOfPolicy)
        case .rateLimited(let wait): .askedToWait(wait)
        }
    }
}

extension ChannelDesk {
    /// How long a channel that does not know us is left alone: a person mends it, and may close the circuit by hand.
    package static let restOfConfiguration = Duration.seconds(300)
    /// How long a channel that does not want our mail is left alone: asking it often makes it worse.
    package static let restOfPolicy = Duration.seconds(1800)

    /// Puts the configured rates of all channels in force, for all nodes.
    ///
    /// What an operator has set since stays, unless the configuration has changed. The budget of a day is no part of it:
    /// whoever plans deliveries counts messages, and puts off what is over it.
    package func tellLimits(in context: some CallingContext) async throws {
        let named = NoticeChannel.allCases.compactMap { channel in book[channel].map { (channel, $0.limits) } }
        try await context.record(as: "bursar_engine") { transaction in
            _ = try await transaction.execute(
                ChannelStatements.tellLimits,
                named.map(\.0.provider),
                named.map(\.1.rate),
                named.map { max(1, $0.1.burst) }
            )
        }
    }

    /// Raises an alarm for each channel that was refused for what we are since this was called last, and clears it where a
    /// message was taken since.
    package func tellAlarms(in database: PostgresPool) async throws {
        let news = takeNews()
        guard !news.isEmpty else { return }
        let raised = try news.compactMap { channel, trouble in
            try trouble.map { trouble in
                Alarm("channel:\(channel.rawValue)", .critical, evidence: try JSONText(encoding: trouble))
            }
        }
        let cleared = news.filter { $0.value == nil }.map { "channel:\($0.key.rawValue)" }
        var options = TransactionOptions()
        options.role = "bursar_engine"
        try await database.withTransaction(options) { transaction in
            let book = AlarmBook(in: transaction)
            try await book.raise(raised)
            try await book.clear(cleared)
        }
    }
}

package enum ChannelStatements {
    /// The configured rates, where they say something else than the last time.
    static let tellLimits = Statement(
        "notices.tell_limits",
        """
        insert into bursar.provider as p (name, rate, burst, tokens, configured)
        select l.name, l.rate, l.burst, l.burst, jsonb_build_object('rate', l.rate, 'burst', l.burst)
        from unnest($1::text[], $2::double precision[], $3::double precision[]) as l (name, rate, burst)
        on conflict (name) do update
        set rate = excluded.rate, burst = excluded.burst, tokens = excluded.tokens, configured = excluded.configured
        where p.configured is distinct from excluded.configured
        """
    )

    package static let all = [tellLimits] + EndpointStatements.all
}
