-- Takes back the fence of transactions that read side by side.

set local role bursar_owner;

drop function bursar.assert_fence_to_read(bigint, bigint);

reset role;
