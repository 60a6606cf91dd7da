-- What is said and done in an attempt: its lines, and the effects that it has outside of the database.

set local role bursar_owner;

-- What a job logged and what its programs wrote, in order. Bounded by the writer, which says what it left out.
-- Lines are facts about an attempt, not effects: they are written without a look at the fence.
create table bursar.attempt_line (
    run_id  bigint not null,
    attempt integer not null,
    place   integer not null check (place > 0),
    at      timestamptz not null,  -- by the node's clock; it orders nothing
    source  text not null check (source in ('log', 'stdout', 'stderr')),
    level   text,
    text    text not null,
    primary key (run_id, attempt, place),
    check ((source = 'log') = (level is not null))
);
create index attempt_line_age on bursar.attempt_line using brin (at);

-- The world is not transactional, so it is written down: a row before the effect, its outcome after it. A row without an
-- outcome whose attempt has ended says "unknown"; the next attempt writes that word down before it begins anew.
create table bursar.outside_effect (
    run_id       bigint not null,
    attempt      integer not null,
    key          text not null,  -- from the business fact, never from the attempt
    what         text not null,
    intended_at  timestamptz not null default clock_timestamp(),
    outcome      text check (outcome in ('done', 'failed', 'stopped', 'unknown')),
    detail       text,
    concluded_at timestamptz,
    primary key (run_id, attempt, key),
    check ((outcome is null) = (concluded_at is null))
);

grant select, insert, update, delete on bursar.attempt_line, bursar.outside_effect to bursar_engine;
grant select on bursar.attempt_line, bursar.outside_effect to bursar_ops, bursar_scan, bursar_backup;

reset role;
