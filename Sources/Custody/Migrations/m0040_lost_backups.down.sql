-- Nobody has said anything of backups.

set local role bursar_owner;

drop function bursar.accept_backup(text, text);
drop function bursar.forget_backup(text, text);
drop function bursar.backup_named(text, text);
drop table bursar.backup_acceptance;

reset role;
