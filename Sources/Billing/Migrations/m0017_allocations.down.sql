-- Takes allocations and write-offs back; receivables keep what was taken off them.

set local role bursar_owner;

drop function bursar.approve_write_off(bigint, text), bursar.request_write_off(bigint, text), bursar.locked_receivable(bigint);
drop table bursar.allocation, bursar.write_off;
drop function bursar.take_off_receivables();

reset role;
