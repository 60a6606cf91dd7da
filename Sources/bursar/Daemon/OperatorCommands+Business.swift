import Billing
import Custody
import JobKit
import Notices
import Payments
import Postgres
import Standing

extension OperatorCommands {
    /// Where a name is looked up, in this order.
    private static let known: [@Sendable (String) -> ContractCommand?] = [
        ContractCommand.named, PaymentCommands.named, ReconCommands.named, EndpointCommands.named, PayerCommands.named,
        NoticeCommands.named, StandingCommands.named, CustodyCommands.named,
    ]

    /// The business by hand: issuers, plans, tenants, subscriptions, rates, invoices.
    ///
    /// Each command is one statement that calls the SQL contract, as an operator; the function writes events and audit
    /// rows with the actor's name.
    static func business(_ request: OperatorRequest, database: PostgresPool) async throws -> JSONText? {
        guard let command = known.lazy.compactMap({ $0(request.command) }).first else { return nil }
        let bound: BoundStatement
        do {
            bound = try command.bind(request.body)
        } catch {
            throw CommandFailure(.badData, error.message, remedy: error.remedy)
        }
        let options = TransactionOptions(
            role: "bursar_ops",
            settings: [("bursar.actor", request.actor)],
            readOnly: command.isReading
        )
        return try await database.withTransaction(options) { transaction in
            guard let row = try await transaction.query(bound).first else { return JSONText("null") }
            return JSONText(try row.get("answer", as: String.self))
        }
    }
}
