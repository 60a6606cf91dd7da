package import Postgres

extension WebhookDesk {
    package enum Statements {
        static let list = Statement(
            "webhooks.list",
            """
            select coalesce(jsonb_agg(to_jsonb(e) order by e.id desc), '[]')::text as answer
            from (
                select e.id, e.source, e.event_id, e.state, e.outcome, e.received_at, e.processed_at, octet_length(e.body) as bytes,
                    host(e.address) as address, e.repeats, e.conflicts, e.replays
                from bursar.webhook_event e
                where ($1::text is null or e.source = $1)
                    and ($2::text is null or e.state = $2 or $2 = 'conflict' and e.conflicts > 0)
                    and ($3::timestamptz is null or e.received_at >= $3) and ($4::timestamptz is null or e.received_at < $4)
                    and ($5::bigint[] is null or e.id = any ($5))
                order by e.id desc
                limit $6
            ) as e
            """
        )

        static let show = Statement(
            "webhooks.show",
            """
            select (to_jsonb(e) || jsonb_build_object(
                'body', translate(encode(e.body, 'base64'), E'\\n', ''), 'body_sha256', encode(e.body_sha256, 'hex'),
                'address', host(e.address), 'bytes', octet_length(e.body),
                'other_bodies', coalesce((
                    select jsonb_agg(jsonb_build_object('received_at', c.received_at, 'repeats', c.repeats,
                        'body', translate(encode(c.body, 'base64'), E'\\n', ''), 'body_sha256', encode(c.body_sha256, 'hex'),
                        'headers', c.headers, 'scheme', c.scheme, 'secret', c.secret, 'address', host(c.address)) order by c.id)
                    from bursar.webhook_conflict c
                    where c.event = e.id), '[]')))::text as answer
            from bursar.webhook_event e
            where e.id = $1
            """
        )

        static let depth = Statement(
            "webhooks.depth",
            """
            select jsonb_build_object('pending', count(*),
                'oldest_pending_seconds', extract(epoch from clock_timestamp() - min(e.received_at))::float8)::text as answer
            from bursar.webhook_event e
            where e.state = 'received'
            """
        )

        static let planReplay = Statement(
            "webhooks.plan_replay",
            """
            with chosen as (
                select e.id, e.source, e.state, e.outcome, e.replays
                from bursar.webhook_event e
                where ($1::text is null or e.source = $1)
                    and ($2::text is null or e.state = $2 or $2 = 'conflict' and e.conflicts > 0)
                    and ($3::timestamptz is null or e.received_at >= $3) and ($4::timestamptz is null or e.received_at < $4)
                    and ($5::bigint[] is null or e.id = any ($5))
                    and e.state <> 'received'
                    -- One whose body was purged says nothing any more.
                    and e.body <> ''
                order by e.id
                limit $6
            ), summary as (
                select count(*) as count, min(c.id) as first, max(c.id) as last,
                    encode(sha256(convert_to(coalesce(string_agg(c.id || ':' || c.replays, ',' order by c.id), ''), 'UTF8')), 'hex') as digest
                from chosen c
            ), outcomes as (
                select jsonb_agg(jsonb_build_object('source', o.source, 'outcome', o.outcome, 'count', o.count)
                    order by o.source, o.outcome) as list
                from (select c.source, c.outcome, count(*) as count from chosen c group by c.source, c.outcome) as o
            ), older as (
                update bursar.proposal set state = 'superseded' where kind = 'webhook_replay' and state = 'open'
            ), stored as (
                insert into bursar.proposal (kind, subject, count, totals, digest, why, facts)
                select 'webhook_replay', 'webhooks', s.count, '{}', s.digest, s.count || ' posts to be processed again',
                    jsonb_build_object('made_by', $7::text)
                from summary s
                where s.count > 0
                returning id
            ), items as (
                insert into bursar.proposal_item (proposal_id, key, content)
                select p.id, c.id, jsonb_build_object('state', c.state, 'outcome', c.outcome, 'replays', c.replays)
                from stored p, chosen c
            )
            select jsonb_build_object('proposal', (select id from stored), 'count', s.count, 'digest', s.digest, 'first', s.first,
                'last', s.last, 'outcomes', coalesce((select list from outcomes), '[]'))::text as answer
            from summary s
            """
        )

        static let readReplay = Statement(
            "webhooks.read_replay",
            "select p.state from bursar.proposal p where p.id = $1 and p.kind = 'webhook_replay' for no key update"
        )

        /// Posts that are as they were when the proposal was made.
        static let replay = Statement(
            "webhooks.replay",
            """
            update bursar.webhook_event e
            set state = 'received', outcome = null, processed_at = null, replays = e.replays + 1
            from bursar.proposal_item i
            where i.proposal_id = $1 and e.id = i.key and e.state <> 'received' and e.body <> ''
                and e.replays = (i.content ->> 'replays')::integer
            """
        )

        static let close = Statement(
            "webhooks.close_replay",
            """
            update bursar.proposal
            set state = 'applied', decided_at = clock_timestamp(), decided_by = $2, reason = $3,
                report = jsonb_build_object('replayed', $4::bigint, 'left', count - $4::bigint)
            where id = $1
            """
        )

        static let report = Statement(
            "webhooks.replay_report",
            """
            select (jsonb_build_object('proposal', p.id, 'state', p.state, 'decided_by', p.decided_by, 'decided_at', p.decided_at,
                'reason', p.reason) || p.report)::text as answer
            from bursar.proposal p
            where p.id = $1
            """
        )

        package static let all = [list, show, depth, planReplay, readReplay, replay, close, report]
    }
}
