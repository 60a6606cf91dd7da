-- Takes back what people did about payments with.

set local role bursar_owner;

drop function bursar.shown_payment(bigint);
drop view bursar.client_credit, bursar.client_payment;
drop function bursar.use_credit(bigint, text, text), bursar.release_match(bigint, text), bursar.record_refund(bigint, bigint, text, text), bursar.write_off_suspense(bigint, text),
    bursar.refund_suspense(bigint, text, text), bursar.assign_suspense(bigint, bigint, text),
    bursar.close_suspense(bursar.suspense, text, text, jsonb), bursar.locked_suspense(bigint),
    bursar.record_payment(bigint, text, bigint, text, text, text, timestamptz, text, text),
    bursar.place_one(bigint, bigint, bigint, bigint),
    bursar.present_payment(bigint, text, text, text, bigint, timestamptz, text, text),
    bursar.put_receiving_account(bigint, text, text, text, jsonb, text),
    bursar.payee_for_qr(bigint, text, text), bursar.receiving_account_named(bigint, text), bursar.intent_of(bursar.receivable);

reset role;
