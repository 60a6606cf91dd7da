-- What only a purge removes, nobody else may: the housekeeping of attempts, their lines and what they did outside went over
-- to retention, and nothing ever deleted a proposal. Without the right to, their rows count as kept in manifests, so that a
-- drill sees where some are gone without a receipt.

set local role bursar_owner;

revoke delete on bursar.attempt, bursar.attempt_line, bursar.outside_effect, bursar.proposal, bursar.proposal_item from bursar_engine;

reset role;
