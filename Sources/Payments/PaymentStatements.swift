internal import Billing
package import Postgres

/// Every statement of the room, for the test that prepares them all.
package enum PaymentStatements {
    package static let all: [Statement] =
        SeenMoney.Statements.all + PlacementStatements.all + DueLookupStatements.all + CallbackStatements.all
        + WatermarkStatements.all + CreditUseStatements.all + PaymentsUndoneStatements.all
        + PaymentStandingStatements.all + PaymentInspectionStatements.all + PaymentQRStatements.all
        + ExplainedInvoiceStatements.all
        + (Invariant.paymentMoney + Invariant.paymentStates + Invariant.paymentPlaces).map(\.statement)
        + PaymentCommands.all.map(\.statement)
        + StatementBook.Statements.all
        + ReconCommands.statements
}
