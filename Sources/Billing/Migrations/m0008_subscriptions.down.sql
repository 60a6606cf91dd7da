-- The contract of subscriptions, undone.
set local role bursar_owner;
drop function bursar.subscribe, bursar.change_plan, bursar.change_items, bursar.cancel_subscription, bursar.keep_subscription,
    bursar.pause_subscription, bursar.resume_subscription, bursar.hold_billing, bursar.release_hold, bursar.promise, bursar.dispute,
    bursar.unpark_subscription, bursar.propose_unpark, bursar.approve_unpark;
drop function bursar.refuse_unknown_missed, bursar.unpark, bursar.place_hold, bursar.plan_version_named, bursar.priced_items,
    bursar.move_subscription, bursar.open_boundary, bursar.locked_subscription;
reset role;
