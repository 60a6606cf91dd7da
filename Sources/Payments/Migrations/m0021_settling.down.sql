-- Takes the functions of settling back; what they wrote stays until payments go.

set local role bursar_owner;

drop function bursar.place_reversal(bigint, bigint, bigint, bigint), bursar.left_of_match(bigint, bigint),
    bursar.put_back(bursar.payment_match, bigint),
    bursar.place(bigint[], bigint[], bigint[], bigint[], smallint[], integer[], jsonb[]),
    bursar.decide_placements(bursar.chosen[]), bursar.waiting_money(bigint, integer);
drop type bursar.placement, bursar.chosen, bursar.placed_tally, bursar.surplus;
drop function bursar.suggestions(bigint), bursar.candidates(bigint[]), bursar.apply_credit(bigint, text, text),
    bursar.spread(bigint, text, bigint, text, bigint, text), bursar.follow_receivable(bigint, bigint, text, text),
    bursar.credit_of(bigint, text);
drop index bursar.payment_attempt_of_account, bursar.payment_match_by_hash, bursar.observation_by_reference;

reset role;
