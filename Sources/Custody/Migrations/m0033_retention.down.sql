-- Takes retention, its holds and its receipts away again, and gives the role that purges the rights that it had.

set local role bursar_owner;

revoke execute on function bursar.assert_fence(bigint, bigint) from bursar_purge;
drop function bursar.apply_retention(bigint, text);
drop function bursar.release_legal_hold(bigint, text);
drop function bursar.place_legal_hold(bigint, text, text, timestamptz, text);
drop function bursar.queue_is_loaded();
drop function bursar.purge_partition(text, timestamptz, bigint, bigint, bigint, bigint, text, bigint, integer);
drop function bursar.purge_batch(text, timestamptz, bigint[], timestamptz[], bigint, bigint, integer, bigint, text, bigint, integer);
drop function bursar.purge_lock_timeout(integer);
drop function bursar.purge_count(text, timestamptz, bigint[], timestamptz[], timestamptz, bigint);
drop function bursar.refuse_unpurgeable(text);
drop function bursar.purge_held(text);
drop function bursar.purge_due(text);
drop function bursar.purge_rules();
drop function bursar.purged_rows();
drop index bursar.message_body_by_message;
drop table bursar.retention_standing, bursar.retention_seen, bursar.purge_receipt, bursar.legal_hold;

grant execute on function bursar.webhooks_purgeable(timestamptz), bursar.webhook_payment_is_open(bigint) to bursar_purge;
grant select, delete on bursar.webhook_event, bursar.webhook_conflict, bursar.bakong_call, bursar.delivery_report to bursar_purge;

reset role;
