set local role bursar_owner;

drop table bursar.bakong_call;
drop table bursar.bakong_renewal;
drop table bursar.bakong_token;

reset role;
