-- Events and the audit trail, undone: what happened is forgotten.
drop function bursar.note_of_house(text, text, bigint, jsonb);
drop function bursar.note(bigint, text, text, bigint, jsonb, bigint, timestamptz);
drop table bursar.audit_entry, bursar.event;
drop function bursar.refuse_audit_change();
drop function bursar.audit_canonical(bigint, timestamptz, text, text, text, bigint, jsonb);
