-- What renewals, `verify` and `explain` agree on, undone.
drop function bursar.invoice_line_content(integer, bigint, bigint, text, bigint, bigint, integer, integer, bigint, bigint),
    bursar.invoice_content;
drop function bursar.resume_billing(bigint, bigint, date, text);
drop function bursar.transitions_due(timestamptz);
drop function bursar.periods_due(bigint, bigint, integer, integer, integer, date, date);
drop function bursar.renewals_due(timestamptz);
