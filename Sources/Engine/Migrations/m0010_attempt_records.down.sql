-- What was said and done in attempts, undone.
set local role bursar_owner;
drop table bursar.outside_effect, bursar.attempt_line;
reset role;
