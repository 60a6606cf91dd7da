-- Takes back the token, its renewal and the journal of Bakong's calls.

set local role bursar_owner;

drop table bursar.bakong_call;
drop table bursar.bakong_renewal;
drop table bursar.bakong_token;

reset role;
