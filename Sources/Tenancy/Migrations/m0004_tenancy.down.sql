-- Issuers and tenants, undone.
drop table bursar.tenant, bursar.issuer;
drop function bursar.is_time_zone(text);
