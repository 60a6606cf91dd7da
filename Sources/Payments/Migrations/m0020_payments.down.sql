-- Takes payments back, with all that was seen and placed.

set local role bursar_owner;

drop trigger allocation_cancels_intents on bursar.allocation;
drop table bursar.payment_lookup, bursar.refund, bursar.credit_entry, bursar.suspense,
    bursar.payment_match, bursar.observation_unplaced, bursar.observation, bursar.payment_event, bursar.payment_attempt,
    bursar.payment_intent, bursar.payment_move, bursar.payment_state, bursar.receiving_account;
drop function bursar.cancel_written_off_intents(), bursar.refuse_match_change(), bursar.queue_observations(), bursar.tell_payment_moves(),
    bursar.refuse_illegal_payment_start(), bursar.refuse_payment_move(text, bigint, text, text, text);

reset role;
