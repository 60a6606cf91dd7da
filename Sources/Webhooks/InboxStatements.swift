package import Postgres

/// The statements of the inbox.
package enum InboxStatements {
    /// Stores posts, `$1` being all bodies one after another, and answers the keys of those that are new.
    ///
    /// A post whose id is taken, in the table or in front of it, is left out without a word.
    package static let store = Statement(
        "webhooks.store",
        """
        insert into bursar.webhook_event (source, event_id, body, headers, content_type, scheme, secret, address)
        select p.source, p.event_id, substr($1::bytea, p.start, p.length), p.headers::jsonb, p.content_type, p.scheme, p.secret,
            p.address::inet
        from unnest($2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
            as p (source, event_id, start, length, headers, content_type, scheme, secret, address)
        on conflict (source, event_id) do nothing
        returning source, event_id
        """
    )

    /// Which of these posts, whose ids are taken, have the stored body.
    static let seenAgain = Statement(
        "webhooks.seen_again",
        "select place, same from bursar.webhooks_seen_again($1::text[], $2::text[], $3::text[])"
    )

    /// Keeps a post with another body under a taken id.
    static let conflict = Statement(
        "webhooks.conflict",
        "select bursar.webhook_conflicts($1, $2, $3::bytea, $4::jsonb, $5, $6, $7::inet)"
    )

    static let clock = Statement("webhooks.clock", "select clock_timestamp() as now")

    static let wake = Statement("webhooks.wake", "select bursar.wake_callback_verification()")

    static let pending = Statement(
        "webhooks.pending",
        "select id, source, body from bursar.pending_webhooks($1::integer) order by id"
    )

    static let done = Statement(
        "webhooks.done",
        "select bursar.webhooks_done($1::bigint[], $2::text[], $3::text[], $4::bigint[]) as count"
    )

    package static let all = [store, seenAgain, conflict, clock, wake, pending, done]
}
