-- The inbox, undone. The daemon stays a member of the listener's role: roles belong to the cluster, and other databases may
-- use them.

set local role bursar_owner;

drop function bursar.webhooks_purgeable(timestamptz);
drop function bursar.webhook_payment_is_open(bigint);
drop function bursar.webhooks_done(bigint[], text[], text[], bigint[]);
drop function bursar.pending_webhooks(integer);
drop function bursar.wake_callback_verification();
drop function bursar.webhook_conflicts(text, text, bytea, jsonb, text, text, inet);
drop function bursar.webhooks_seen_again(text[], text[], text[]);
drop table bursar.webhook_conflict;
drop table bursar.webhook_event;

reset role;
