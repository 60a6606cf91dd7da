internal import CivilTime
internal import JobKit
package import Postgres

extension DeliveryWork {
    /// A message that a node left behind when it died or lost its lease.
    private struct Stray: Sendable {
        let tenant: Int64
        let id: Int64
        let attempt: Int
        let isInDoubt: Bool
        let channel: NoticeChannel
        let guarantee: DeliveryGuarantee
        let doubts: Int
        /// The keys of its notices in the journal.
        let keys: [String]

        init(_ row: Row) throws {
            tenant = try row.get("tenant_id")
            id = try row.get("id")
            attempt = try row.get("attempts")
            isInDoubt = try row.get("in_doubt")
            channel = NoticeChannel(rawValue: try row.get("channel")) ?? .operator
            guarantee = DeliveryGuarantee(rawValue: try row.get("guarantee")) ?? .atMostOnce
            doubts = try row.get("doubts")
            keys = try row.get("keys", as: String.self).split(separator: "\n").map(String.init)
        }
    }

    /// Takes over what earlier runs left: what was only claimed goes back, what was being sent is in doubt, unless the journal of
    /// this node knows that it was accepted.
    ///
    /// Only one run delivers at a time, so whatever carries another fence belongs to nobody.
    package func recover() async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, _ in
                try await strays(in: transaction)
            } tenant: {
                $0.tenant
            } apply: { transaction, strays, checkpoint in
                let now = max(context.asOf, try await DeliveryFacts.now(in: transaction))
                try await take(strays, now, in: transaction)
                checkpoint.count("recovered", strays.count)
                // An attempt that goes on begins with the first tenant again: what it took over is behind its cursor.
                if !strays.isEmpty { checkpoint.advance("recovery", to: 0) }
            }
        } while count > 0 && !context.run.isDryRun
        try await acceptJournalled()
    }

    /// Records as accepted what is in doubt since a peer took it over, and what the journal of this node knows to be sent.
    private func acceptJournalled() async throws {
        guard let journal = house.journal, !context.run.isDryRun else { return }
        _ = try await context.chunk { transaction, _ in
            try await transaction.query(DeliveryRecoveryStatements.doubts).map(Stray.init).filter { doubt in
                !doubt.keys.isEmpty && doubt.keys.allSatisfy(journal.hasSent)
            }
        } tenant: {
            $0.tenant
        } apply: { transaction, known, checkpoint in
            try await take(known, context.asOf, in: transaction)
            checkpoint.count("recovered", known.count)
        }
    }

    private func strays(in transaction: Transaction) async throws -> [Stray] {
        try await transaction.query(DeliveryRecoveryStatements.strays, context.run.id, context.run.fence, chunk)
            .map(Stray.init)
    }

    private func take(_ strays: [Stray], _ now: Instant, in transaction: Transaction) async throws {
        typealias Statements = DeliveryRecoveryStatements
        let claimed = strays.filter { !$0.isInDoubt }
        let doubtful = strays.filter(\.isInDoubt)
        let nexts = doubtful.map { next($0, now) }
        _ = try await transaction.pipeline([
            Statements.giveBackNotices.bind(claimed.map(\.tenant), claimed.map(\.id)),
            Statements.giveBack.bind(claimed.map(\.tenant), claimed.map(\.id)),
            Statements.keepDoubt.bind(
                doubtful.map(\.tenant),
                doubtful.map(\.id),
                doubtful.map(\.attempt),
                nexts.map { $0.state == "accepted" ? "accepted" : "unknown" },
                context.run.id,
                context.run.fence
            ),
            Statements.end.bind(
                doubtful.map(\.tenant),
                doubtful.map(\.id),
                nexts.map(\.state),
                nexts.map(\.reason?.rawValue),
                nexts.map(\.notBefore)
            ),
            DeliveryRecordStatements.endNotices.bind(doubtful.map(\.tenant), doubtful.map(\.id), nexts.map(\.state)),
        ])
    }

    private func next(_ stray: Stray, _ now: Instant) -> MessageNext {
        let isKnown = !stray.keys.isEmpty && stray.keys.allSatisfy { house.journal?.hasSent($0) ?? false }
        return MessageNext.judge(
            isKnown ? .accepted : .unknown,
            softFailures: 0,
            doubts: stray.doubts,
            guarantee: stray.guarantee,
            knowsRepeats: house.desk.knowsRepeats(stray.channel),
            now: now
        )
    }
}

/// The statements by which a run takes over what others left.
package enum DeliveryRecoveryStatements {
    /// Messages under way that carry another run or fence than ours.
    static let strays = Statement(
        "notices.strays",
        """
        select m.tenant_id, m.id, m.attempts, m.state = 'sending' as in_doubt, m.channel, m.guarantee,
            (select count(*) from bursar.message_attempt a
                where a.tenant_id = m.tenant_id and a.message_id = m.id and a.outcome = 'unknown') as doubts,
            coalesce((
                select string_agg(n.tenant_id || '/' || case n.kind when 'dunning' then 'invoice ' || n.invoice_id || '/' || n.step
                    else 'event ' || n.event_id || '/' || n.category end || '/' || n.channel, E'\\n')
                from bursar.notice n
                where n.tenant_id = m.tenant_id and n.message_id = m.id and n.state = 'claimed'
            ), '') as keys
        from bursar.message m
        where m.state in ('claimed', 'sending') and (m.run_id, m.fence) is distinct from ($1::bigint, $2::bigint)
        order by m.id
        limit $3
        """
    )

    /// Messages that wait and may have arrived.
    static let doubts = Statement(
        "notices.doubts",
        """
        select m.tenant_id, m.id, m.attempts, true as in_doubt, m.channel, m.guarantee, 1::bigint as doubts,
            coalesce((
                select string_agg(n.tenant_id || '/' || case n.kind when 'dunning' then 'invoice ' || n.invoice_id || '/' || n.step
                    else 'event ' || n.event_id || '/' || n.category end || '/' || n.channel, E'\\n')
                from bursar.notice n
                where n.tenant_id = m.tenant_id and n.message_id = m.id and n.state = 'claimed'
            ), '') as keys
        from bursar.message m
        where m.state = 'waiting' and m.outcome = 'unknown'
        order by m.id
        """
    )

    static let giveBackNotices = Statement(
        "notices.give_back_notices",
        """
        update bursar.notice n
        set state = 'planned', message_id = null
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        join bursar.message m on m.tenant_id = c.tenant_id and m.id = c.id and m.attempts = 0
        where n.tenant_id = c.tenant_id and n.message_id = c.id and n.state = 'claimed'
        """
    )

    /// What was tried before keeps its notices and its Message-ID.
    static let giveBack = Statement(
        "notices.give_back_messages",
        """
        update bursar.message m
        set state = case when m.attempts = 0 then 'skipped' else 'waiting' end, reason = 'retry'
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        where m.tenant_id = c.tenant_id and m.id = c.id and m.state = 'claimed'
        """
    )

    static let keepDoubt = Statement(
        "notices.keep_doubt",
        """
        insert into bursar.message_attempt (tenant_id, message_id, attempt, transport, outcome, phase, reply, started_at, took, run_id, fence)
        select c.tenant_id, c.id, c.attempt, coalesce(m.transport, 'unknown'), c.outcome, 'the node went away',
            case c.outcome when 'accepted' then 'the journal knows it' end, coalesce(m.sending_since, m.created_at), '0', $5, $6
        from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[]) as c (tenant_id, id, attempt, outcome)
        join bursar.message m on m.tenant_id = c.tenant_id and m.id = c.id
        on conflict do nothing
        """
    )

    static let end = Statement(
        "notices.end_doubt",
        """
        update bursar.message m
        set state = c.state, reason = c.reason, not_before = coalesce(c.not_before, m.not_before),
            outcome = case c.state when 'accepted' then 'accepted' else 'unknown' end,
            accepted_at = case c.state when 'accepted' then m.sending_since else m.accepted_at end
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[]) as c (tenant_id, id, state, reason, not_before)
        where m.tenant_id = c.tenant_id and m.id = c.id and m.state in ('sending', 'waiting')
        """
    )

    package static let all = [strays, doubts, giveBackNotices, giveBack, keepDoubt, end]
}
