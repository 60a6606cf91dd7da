import CivilTime
import Billing
import JobKit
import KHQR
import Monetary
import Payments
import Postgres

extension OperatorCommands {
    /// Makes the QR of an invoice and records it as shown; every other command of payments is one of the contract.
    static func payments(_ request: OperatorRequest, database: PostgresPool) async throws -> JSONText? {
        guard request.command == "payments.present" else { return nil }
        let wish: PresentWish
        do {
            wish = try JSONText(String(decoding: request.body, as: UTF8.self)).decoded()
        } catch {
            throw CommandFailure(
                .badData,
                "payments.present cannot be read",
                remedy:
                    "it takes invoice (text), account?, amount? (whole), qr? (text), bill_number?, expires_at?, reason?"
            )
        }
        let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", request.actor)])
        return try await database.withTransaction(options) { transaction in
            var body = wish.body
            if wish.qr == nil {
                let basis = try await PaymentQR.read(invoice: wish.invoice, account: wish.account, in: transaction)
                let amount = wish.amount.map { Money(minorUnits: $0, currency: basis.amount.currency) }
                let made = try basis.payment(of: amount)
                body["account"] = .text(basis.account)
                body["qr"] = .text(made.code.text)
                body["bill_number"] = .text(made.payment.billNumber)
                body["expires_at"] = .text(made.payment.expires.description)
            }
            guard let command = PaymentCommands.named("payments.present") else { return JSONText("null") }
            do {
                let bound = try command.bind(Array(ContractValue.object(body).json.utf8))
                return JSONText(try await transaction.query(bound).first?.get("answer", as: String.self) ?? "null")
            } catch let problem as ContractProblem {
                throw CommandFailure(.badData, problem.message, remedy: problem.remedy)
            }
        }
    }
}

/// What `payments.present` is asked for.
private struct PresentWish: Decodable {
    let invoice: String
    let account: String?
    let amount: Int64?
    let qr: String?
    let bill_number: String?
    let expires_at: String?
    let reason: String?

    var body: [String: ContractValue] {
        [
            "invoice": .text(invoice), "account": .text(account), "amount": .whole(amount), "qr": .text(qr),
            "bill_number": .text(bill_number), "expires_at": .text(expires_at), "reason": .text(reason),
        ]
    }
}
