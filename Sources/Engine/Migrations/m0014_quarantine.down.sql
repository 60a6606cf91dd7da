-- Takes back quarantines, and what was known of those that were lifted.

set local role bursar_owner;

drop function bursar.lift_quarantine(text);
drop function bursar.assert_past(bigint, integer, bigint, bigint, bigint);
drop table bursar.quarantine;

reset role;
