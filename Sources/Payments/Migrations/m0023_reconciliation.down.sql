-- Takes reconciliation back, with what is known of statement files.

set local role bursar_owner;

drop function bursar.control_totals(date, date), bursar.advance_watermarks(timestamptz), bursar.watermarks_reached(timestamptz),
    bursar.covered_until(bigint);
drop table bursar.statement_bad_row, bursar.statement_import;
drop function bursar.hint_lookups(bigint[], bigint[], text[]), bursar.conclude_lookups(bigint[], bigint[], text[], text[], timestamptz),
    bursar.next_lookup(timestamptz, timestamptz, integer);

reset role;
