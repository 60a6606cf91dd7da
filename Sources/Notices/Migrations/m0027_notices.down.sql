-- Takes back notices, messages, addresses and what is known of them.
set local role bursar_owner;
drop trigger event_waits_for_its_notices on bursar.event;
drop function bursar.queue_events();
drop table bursar.event_unnoticed, bursar.noticed_kind, bursar.message_body, bursar.message_attempt, bursar.message, bursar.notice,
    bursar.notice_move, bursar.notice_state, bursar.dunning_policy, bursar.notice_stop, bursar.consent, bursar.suppression,
    bursar.payer_address, bursar.payer;
drop function bursar.refuse_illegal_notice_move(), bursar.address_hash(text, text), bursar.folded_address(text, text);
drop table bursar.address_key;
reset role;
