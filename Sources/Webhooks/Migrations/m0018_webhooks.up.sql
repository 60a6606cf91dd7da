-- To be filled.

set local role bursar_owner;

reset role;
