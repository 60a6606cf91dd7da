-- Takes back the endpoints of tenants and their secrets.
set local role bursar_owner;

drop function bursar.rotate_endpoint_secret(bigint, interval, text);
drop function bursar.disable_endpoint(bigint, text);
drop function bursar.enable_endpoint(bigint, text);
drop function bursar.put_endpoint(bigint, text, text);
drop function bursar.endpoint_numbered(bigint);
drop function bursar.release_endpoint(bigint, bytea, text);
drop function bursar.new_endpoint_secret(bigint, bigint, interval);
drop table bursar.notice_endpoint_secret;
drop table bursar.notice_endpoint;

reset role;
