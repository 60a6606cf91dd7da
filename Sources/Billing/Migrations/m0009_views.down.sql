-- What the contract shows, undone.
set local role bursar_owner;
drop function bursar.invoice_named, bursar.subscription_named, bursar.tenant_named, bursar.issuer_named, bursar.named_object;
drop view bursar.client_run, bursar.client_exchange_rate, bursar.client_invoice_line, bursar.client_invoice, bursar.client_hold,
    bursar.client_subscription_item, bursar.client_subscription, bursar.client_plan, bursar.client_tenant, bursar.client_issuer;
reset role;
