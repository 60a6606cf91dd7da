package import CivilTime
package import Postgres

/// What becomes of a message after a try.
package struct MessageNext: Equatable, Sendable {
    /// Of the message; its notices follow.
    package let state: String
    package let reason: NoticeReason?
    /// When it is tried again.
    package let notBefore: Instant?
    /// Whether the next channel of the ladder takes over.
    package let climbs: Bool
    /// Whether the address is not written to any more.
    package let suppresses: Bool

    init(
        _ state: String,
        reason: NoticeReason? = nil,
        notBefore: Instant? = nil,
        climbs: Bool = false,
        suppresses: Bool = false
    ) {
        self.state = state
        self.reason = reason
        self.notBefore = notBefore
        self.climbs = climbs
        self.suppresses = suppresses
    }

    /// How often a next hop may say "not now" before the next channel is tried.
    static let mostSoftFailures = 6

    /// Decides what an outcome means for a message that has failed so often before.
    ///
    /// What is in doubt is tried once more where that cannot do harm or the guarantee says so; else a person, or a report of its
    /// delivery, says what became of it. `reason` says why it waits, where it does.
    package static func judge(
        _ verdict: SendOutcome.Verdict,
        reason: NoticeReason = .retry,
        softFailures: Int,
        doubts: Int,
        guarantee: DeliveryGuarantee,
        knowsRepeats: Bool,
        now: Instant
    ) -> MessageNext {
        func again(_ wait: Duration) -> MessageNext {
            MessageNext("waiting", reason: reason, notBefore: now.adding(wait))
        }
        switch verdict {
        case .accepted: return MessageNext("accepted")
        case .transport: return again(.seconds(300))
        case .configuration, .policy: return again(.seconds(3600))
        case .rateLimited(let wait): return again(wait)
        case .hard: return MessageNext("hard_failed", climbs: true, suppresses: true)
        case .soft:
            guard softFailures + 1 < mostSoftFailures else { return MessageNext("hard_failed", climbs: true) }
            return again(.seconds(min(300 << min(softFailures, 10), 4 * 3600)))
        case .unknown:
            let mayRepeat = knowsRepeats || (guarantee == .atLeastOnce && doubts == 0)
            return mayRepeat ? again(.seconds(60)) : MessageNext("unknown")
        }
    }
}

/// One try of one message, and what became of the message by it.
package struct SentMessage: Sendable {
    package let message: ClaimedMessage
    package let outcome: SendOutcome
    package let transport: String
    package let next: MessageNext
    package let startedAt: Instant
    /// What was said, where it was rendered, and why not by the template that was looked for first.
    package let content: RenderedNotice?
    package let fellBack: String?
}

/// Writes down what messages came to.
package struct DeliveryRecord: Sendable {
    let run: Int64
    let fence: Int64

    /// Marks messages as being sent, the last word before the calls: what a node that dies here leaves is in doubt.
    ///
    /// Those that may go are answered. One of which a notice was paid, held or stopped since it was claimed goes back, and
    /// so do one whose hour is over (`isOpen`) and one that the run does not hold any more.
    package func begin(
        _ messages: [ClaimedMessage],
        isOpen: (ClaimedMessage) -> Bool,
        in transaction: Transaction
    ) async throws -> Set<Int64> {
        let answers = try await transaction.pipeline([
            DeliveryRecordStatements.giveBack.bind(
                messages.map(\.tenant),
                messages.map(\.id),
                messages.map { !isOpen($0) }
            ),
            DeliveryRecordStatements.begin.bind(messages.map(\.tenant), messages.map(\.id), run, fence),
        ])
        return Set(try answers[1].map { try $0.integer(0) })
    }

    /// Records outcomes: of the attempts, the messages, their notices, suppressions and the next rungs.
    package func end(_ sent: [SentMessage], now: Instant, in transaction: Transaction) async throws {
        guard !sent.isEmpty else { return }
        typealias Statements = DeliveryRecordStatements
        let (tenants, messages) = (sent.map(\.message.tenant), sent.map(\.message.id))
        let batch = [
            Statements.keepAttempts.bind(
                tenants,
                messages,
                sent.map(\.message.attempt),
                sent.map(\.transport),
                sent.map(\.outcome.verdict.word),
                sent.map(\.outcome.phase),
                sent.map(\.outcome.code),
                sent.map { String($0.outcome.reply.prefix(500)) },
                sent.map(\.outcome.providerID),
                sent.map(\.startedAt),
                sent.map(\.outcome.took),
                run,
                fence
            ),
            Statements.end.bind(
                tenants,
                messages,
                sent.map(\.next.state),
                sent.map(\.next.reason?.rawValue),
                sent.map(\.next.notBefore),
                sent.map(\.transport),
                sent.map(\.outcome.verdict.word),
                sent.map(\.outcome.providerID),
                sent.map { $0.content?.source },
                sent.map { $0.content?.version },
                sent.map { $0.content.map { digest($0.text + ($0.html ?? "")) } },
                sent.map(\.fellBack)
            ),
            Statements.endNotices.bind(tenants, messages, sent.map(\.next.state)),
        ]
        _ = try await transaction.pipeline(batch)
        try await keepBodies(sent, in: transaction)
        try await followUp(sent, now, in: transaction)
    }

    private func keepBodies(_ sent: [SentMessage], in transaction: Transaction) async throws {
        let said = sent.filter { $0.content != nil }
        guard !said.isEmpty else { return }
        try await transaction.execute(
            DeliveryRecordStatements.keepBodies,
            said.map(\.message.tenant),
            said.map(\.message.id),
            said.map { $0.content?.subject },
            said.map { $0.content?.text ?? "" }
        )
    }

    private func followUp(_ sent: [SentMessage], _ now: Instant, in transaction: Transaction) async throws {
        try await tell(DeliveryRecordStatements.suppress, sent.filter(\.next.suppresses), now, in: transaction)
        let worn = sent.filter { $0.outcome.verdict == .soft && $0.next.climbs }
        try await tell(DeliveryRecordStatements.softBounced, worn, now, in: transaction)
        let climbing = sent.filter(\.next.climbs).flatMap(\.message.notices)
        guard !climbing.isEmpty else { return }
        _ = try await transaction.query(DeliveryStatements.climb, climbing.map(\.tenant), climbing.map(\.id), now)
    }

    /// Tells of addresses that a next hop refused, with what it said.
    private func tell(
        _ statement: Statement,
        _ sent: [SentMessage],
        _ now: Instant,
        in transaction: Transaction
    ) async throws {
        let known = sent.filter { $0.message.first.addressHash != nil }
        guard !known.isEmpty else { return }
        _ = try await transaction.query(
            statement,
            known.map(\.message.tenant),
            known.map(\.message.channel.rawValue),
            known.map { hexadecimal($0.message.first.addressHash ?? []) },
            known.map(\.message.id),
            known.map(\.transport),
            known.map { "\($0.outcome.phase): \($0.outcome.reply)" },
            now
        )
    }
}

/// The statements that record what messages came to.
package enum DeliveryRecordStatements {
    /// Gives back claimed messages that are not to be sent after all: something of them was paid, held or stopped since, or their
    /// hour is over: tenants, messages, whether it is.
    static let giveBack = Statement(
        "notices.give_back",
        """
        with changed as (
            select distinct n.tenant_id, n.message_id
            from unnest($1::bigint[], $2::bigint[], $3::boolean[]) as c (tenant_id, id, is_over)
            join bursar.notice n on n.tenant_id = c.tenant_id and n.message_id = c.id and n.state = 'claimed'
            left join bursar.receivable r on r.tenant_id = n.tenant_id and r.invoice_id = n.invoice_id
            left join bursar.issuer u on u.id = n.issuer_id
            left join bursar.payer p on p.tenant_id = n.tenant_id
            where c.is_over or (n.kind = 'dunning' and r.open_amount <= r.tolerance)
                or exists (
                    select from bursar.notice_stop s
                    where s.what in ('all', 'channel:' || n.channel, 'category:' || n.category)
                )
                or (n.kind = 'dunning' and exists (
                    select from bursar.billing_hold h
                    where h.tenant_id = n.tenant_id and h.subscription_id = n.subscription_id and h.released_at is null
                        and h.placed_at > bursar.business_now() - interval '1 hour'
                        and coalesce(h.valid_until > (bursar.business_now() at time zone coalesce(p.time_zone, u.time_zone))::date, true)
                ))
        ), back as (
            update bursar.message m
            set state = case when m.attempts = 0 then 'skipped' else 'waiting' end, reason = 'retry'
            from changed c
            where m.tenant_id = c.tenant_id and m.id = c.message_id and m.state = 'claimed'
            returning m.tenant_id, m.id, m.state
        )
        update bursar.notice n
        set state = 'planned', message_id = null
        from back b
        where n.tenant_id = b.tenant_id and n.message_id = b.id and n.state = 'claimed' and b.state = 'skipped'
        """
    )

    /// Marks what is left as being sent: tenants, messages, run, fence.
    static let begin = Statement(
        "notices.begin_sending",
        """
        update bursar.message m
        set state = 'sending', attempts = m.attempts + 1, sending_since = bursar.business_now()
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        where m.tenant_id = c.tenant_id and m.id = c.id and m.state = 'claimed' and m.run_id = $3 and m.fence = $4
        returning m.id
        """
    )

    static let keepAttempts = Statement(
        "notices.keep_attempts",
        """
        insert into bursar.message_attempt (tenant_id, message_id, attempt, transport, outcome, phase, code, reply, provider_id, started_at,
            took, run_id, fence)
        select c.*, $12, $13
        from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::text[],
            $10::timestamptz[], $11::interval[]) as c
        """
    )

    /// Moves messages on: tenants, messages, states, reasons, not before, transports, outcomes, provider's ids, templates, their
    /// hashes, hashes of what was said.
    static let end = Statement(
        "notices.end_sending",
        """
        update bursar.message m
        set state = c.state, reason = c.reason, not_before = coalesce(c.not_before, m.not_before), transport = c.transport,
            outcome = c.outcome, provider_id = coalesce(c.provider_id, m.provider_id), template = coalesce(c.template, m.template),
            template_hash = coalesce(c.template_hash, m.template_hash),
            content_hash = coalesce(decode(c.content_hash, 'hex'), m.content_hash), fell_back = c.fell_back,
            accepted_at = case when c.state = 'accepted' then bursar.business_now() else m.accepted_at end
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[])
            as c (tenant_id, id, state, reason, not_before, transport, outcome, provider_id, template, template_hash, content_hash,
                fell_back)
        where m.tenant_id = c.tenant_id and m.id = c.id and m.state = 'sending'
        """
    )

    /// Notices follow their messages, but for those that are tried again.
    static let endNotices = Statement(
        "notices.end_notices",
        """
        update bursar.notice n
        set state = c.state
        from unnest($1::bigint[], $2::bigint[], $3::text[]) as c (tenant_id, id, state)
        where n.tenant_id = c.tenant_id and n.message_id = c.id and n.state = 'claimed' and c.state <> 'waiting'
        """
    )

    static let keepBodies = Statement(
        "notices.keep_bodies",
        """
        insert into bursar.message_body (tenant_id, message_id, subject, text)
        select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])
        on conflict (tenant_id, message_id) do update set subject = excluded.subject, text = excluded.text
        """
    )

    /// Addresses that do not exist: tenants, channels, hashes, messages, sources, evidence, now.
    static let suppress = Statement(
        "notices.suppress",
        """
        select bursar.suppress(c.tenant_id, c.channel, decode(c.hash, 'hex'), 'hard_bounce', c.source, c.evidence, null, $7)
        from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
            as c (tenant_id, channel, hash, message, source, evidence)
        """
    )

    /// The same of addresses that said "not now" until it was given up: the fifth message within 14 days suppresses them.
    static let softBounced = Statement(
        "notices.soft_bounced",
        """
        select bursar.soft_bounced(c.tenant_id, c.channel, decode(c.hash, 'hex'), c.message, c.source, c.evidence, $7)
        from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
            as c (tenant_id, channel, hash, message, source, evidence)
        """
    )

    package static let all = [giveBack, begin, keepAttempts, end, endNotices, keepBodies, suppress, softBounced]
}
