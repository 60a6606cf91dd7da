-- Takes back what comes back, and the functions of contacts and consents; the tables of m0027 keep what they hold.
set local role bursar_owner;
drop view bursar.client_payer, bursar.client_contact, bursar.client_consent;
drop function bursar.place_suppression, bursar.release_suppression, bursar.unsubscribe, bursar.give_consent, bursar.withdraw_consent,
    bursar.consent_source, bursar.write_consent, bursar.has_consent, bursar.put_payer, bursar.erase_contact, bursar.remove_contact,
    bursar.put_contact, bursar.begin_payer_act, bursar.fit_address, bursar.apply_return, bursar.return_failed, bursar.address_answered,
    bursar.soft_bounced, bursar.suppress, bursar.suppressed_for, bursar.reread_reports, bursar.reports_done, bursar.pending_reports, bursar.take_report;
drop table bursar.soft_bounce, bursar.delivery_report, bursar.optional_category;
reset role;
