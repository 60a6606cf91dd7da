-- Claims: who may read beside whom.

set local role bursar_owner;

-- The fence for one of several transactions of a run that only read, side by side: they share the lock on the run's row.
create function bursar.assert_fence_to_read(of_run bigint, with_fence bigint) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform from bursar.run where id = of_run and fence = with_fence and state = 'running' for share;
    if not found then
        raise exception 'the lease on run % is lost: fence % is no longer in force', of_run, with_fence
            using errcode = 'BU002', hint = 'another node may own this run now; nothing of this transaction is applied';
    end if;
end
$$;
grant execute on function bursar.assert_fence_to_read(bigint, bigint) to bursar_scan;

reset role;
