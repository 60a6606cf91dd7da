-- What renewals, `verify` and `explain` agree on, undone.
drop function bursar.invoice_line_content(integer, bigint, bigint, text, bigint, bigint, integer, integer, bigint, bigint),
    bursar.invoice_content;
drop type bursar.billed_item;
revoke execute on function bursar.skip_to, bursar.period_at from bursar_app;
drop function bursar.renewals_forecast(timestamptz);
drop function bursar.transitions_due(timestamptz);
drop function bursar.periods_due(bigint, bigint, integer, integer, integer, date, date);
drop function bursar.renewals_due(timestamptz);
