-- Takes backups and what the dump's role may read back.

set local role bursar_owner;

drop table bursar.backup;
drop function bursar.backup_only_ends();
drop function bursar.take_manifest();
drop function bursar.kept_out_of_dumps();
alter default privileges in schema bursar revoke select on tables from bursar_backup;
alter default privileges in schema bursar revoke select on sequences from bursar_backup;
revoke select on all sequences in schema bursar from bursar_backup;

-- Of the tables only these were closed to it; partitions are read through their parents again.
do $$
declare
    closed text;
begin
    for closed in
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'p')
            and (c.relispartition or c.relname in ('bakong_renewal', 'bakong_token', 'contract_request'))
    loop
        execute format('revoke select on %s from bursar_backup', closed);
    end loop;
end
$$;

reset role;
