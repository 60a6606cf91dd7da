/// What the demonstration issuer sells, as the JSON that the loading statements read.
///
/// `share` is how many of a thousand subscriptions take the plan; `most` the largest quantity of a price by the unit.
package enum DemoCatalogue {
    package static let plans = """
        [
        {"plan": 1, "code": "condo", "name": "Condominium management", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "USD", "trial_days": 14, "share": 220, "prices": [
            {"code": "base", "description": "Condominium management, per month", "unit_amount": 4900, "most": 1},
            {"code": "unit", "description": "Unit under management", "unit_amount": 85, "most": 240}]},
        {"plan": 2, "code": "borey", "name": "Borey management", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "KHR", "trial_days": 0, "share": 190, "prices": [
            {"code": "base", "description": "Borey management, per month", "unit_amount": 120000, "most": 1},
            {"code": "house", "description": "House", "unit_amount": 2500, "most": 300}]},
        {"plan": 3, "code": "parking", "name": "Parking desk", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "KHR", "trial_days": 0, "share": 100, "prices": [
            {"code": "slot", "description": "Parking slot, per month", "unit_amount": 40000, "most": 40}]},
        {"plan": 4, "code": "office", "name": "Serviced office", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "USD", "trial_days": 0, "share": 110, "prices": [
            {"code": "base", "description": "Serviced office, per month", "unit_amount": 12000, "most": 1},
            {"code": "seat", "description": "Seat", "unit_amount": 950, "most": 60}]},
        {"plan": 5, "code": "front-desk", "name": "Front desk", "unit": "month", "count": 1, "day_policy": "last_day",
         "currency": "USD", "trial_days": 0, "share": 80, "prices": [
            {"code": "base", "description": "Front desk, per month", "unit_amount": 7999, "most": 1}]},
        {"plan": 6, "code": "cashier", "name": "Cashier and stock", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "KHR", "trial_days": 30, "share": 100, "prices": [
            {"code": "base", "description": "Cashier and stock, per month", "unit_amount": 60000, "most": 1},
            {"code": "till", "description": "Till", "unit_amount": 18500, "most": 8}]},
        {"plan": 7, "code": "security", "name": "Guard rounds", "unit": "month", "count": 3, "day_policy": "same_day_clamped",
         "currency": "USD", "trial_days": 0, "share": 70, "prices": [
            {"code": "post", "description": "Guard post, per quarter", "unit_amount": 29999, "most": 6}]},
        {"plan": 8, "code": "lift-care", "name": "Lift care", "unit": "month", "count": 3, "day_policy": "last_day",
         "currency": "KHR", "trial_days": 0, "share": 30, "prices": [
            {"code": "lift", "description": "Lift, per quarter", "unit_amount": 650000, "most": 4}]},
        {"plan": 9, "code": "website", "name": "Website and mail", "unit": "year", "count": 1, "day_policy": "same_day_clamped",
         "currency": "USD", "trial_days": 0, "share": 50, "prices": [
            {"code": "base", "description": "Website and mail, per year", "unit_amount": 18000, "most": 1},
            {"code": "mailbox", "description": "Mailbox", "unit_amount": 1200, "most": 25}]},
        {"plan": 10, "code": "cleaning", "name": "Cleaning", "unit": "week", "count": 1, "day_policy": "same_day_clamped",
         "currency": "KHR", "trial_days": 0, "share": 30, "prices": [
            {"code": "visit", "description": "Cleaning visit, per week", "unit_amount": 64000, "most": 5}]},
        {"plan": 11, "code": "listing", "name": "Free listing", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "KHR", "trial_days": 0, "share": 20, "prices": [
            {"code": "base", "description": "Free listing", "unit_amount": 0, "most": 1}]}
        ]
        """

    /// Two plain monthly plans with one price each, one a currency; for measuring.
    package static let plain = """
        [
        {"plan": 1, "code": "plain-usd", "name": "Plain, in dollars", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "USD", "trial_days": 0, "share": 500, "prices": [
            {"code": "base", "description": "Plain, per month", "unit_amount": 2999, "most": 1}]},
        {"plan": 2, "code": "plain-khr", "name": "Plain, in riel", "unit": "month", "count": 1, "day_policy": "same_day_clamped",
         "currency": "KHR", "trial_days": 0, "share": 500, "prices": [
            {"code": "base", "description": "Plain, per month", "unit_amount": 120350, "most": 1}]}
        ]
        """
}
