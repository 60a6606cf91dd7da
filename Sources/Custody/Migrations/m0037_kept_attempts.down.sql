-- Gives the engine back what it had.

set local role bursar_owner;

grant delete on bursar.attempt, bursar.attempt_line, bursar.outside_effect, bursar.proposal, bursar.proposal_item to bursar_engine;

reset role;
