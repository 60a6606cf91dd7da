-- Takes drills back.

set local role bursar_owner;

drop function bursar.record_drill(jsonb);
drop table bursar.drill_phase;
drop table bursar.drill;

reset role;
