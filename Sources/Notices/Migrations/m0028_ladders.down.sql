-- Takes back ladders and stops.
set local role bursar_owner;
drop function bursar.channels_at_rest(), bursar.plan_next_rung(bigint[], bigint[], timestamptz), bursar.stop_notices(text, text), bursar.resume_notices(text, text);
reset role;
