-- The engine, undone: runs, schedules and their history go.
drop function bursar.retry(bigint, text);
drop function bursar.approve(bigint, text);
drop function bursar.cancel(bigint, text);
drop function bursar.end_runs(bigint[], text, text);
drop function bursar.enqueue;
drop function bursar.assert_fence(bigint, bigint);
drop table bursar.alarm, bursar.proposal_item, bursar.proposal, bursar.dedupe, bursar.run_cancel, bursar.attempt;
drop function bursar.make_history_partitions();
drop table bursar.run_history, bursar.run, bursar.node, bursar.fire_gap, bursar.fire, bursar.schedule, bursar.schedule_set;
drop sequence bursar.fence;
drop sequence bursar.run_id;
