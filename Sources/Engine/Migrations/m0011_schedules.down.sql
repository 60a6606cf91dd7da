-- Schedules in full, undone: runs that wait for their turn or for others get their time now.
drop index bursar.alarm_of_key;
alter table bursar.alarm drop column id, drop column kind, drop column cleared_by, drop column cleared_for;
delete from bursar.alarm a using bursar.alarm b where a.key = b.key and a.since = b.since and a.ctid < b.ctid;
alter table bursar.alarm add primary key (key, since);
alter table bursar.proposal drop column facts;
alter table bursar.node drop column schedule_set_at, drop column schedule_problem;
drop function bursar.release_runs();
drop function bursar.predecessor_done(text, timestamptz, timestamptz, timestamptz);
update bursar.run set run_at = clock_timestamp() where run_at = 'infinity';
drop index bursar.run_history_dead;
drop index bursar.run_start_by;
drop index bursar.run_held;
alter table bursar.run drop column not_before, drop column start_by, drop column waits_for;
drop index bursar.fire_asked;
alter table bursar.fire drop column caught_up, drop column answered_at, drop column answered_by;
drop function bursar.restarts_time(jsonb, jsonb);
alter table bursar.schedule drop column id, drop column version, drop column counted_from;
drop sequence bursar.schedule_version;
