-- Foundation, undone. Roles stay: they belong to the cluster, and other databases may use them.
drop function bursar.refuse_change();
drop function bursar.actor();
drop procedure bursar.wall(regclass, text);
drop function bursar.tenants();
drop function bursar.business_now();
drop table bursar.installation;
alter default privileges for role bursar_owner grant execute on functions to public;
alter schema bursar owner to current_user;
