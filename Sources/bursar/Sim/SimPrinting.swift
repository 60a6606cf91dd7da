import COpenSSL
import CivilTime
import Monetary
import Synchronization

extension SimPayment {
    /// The truth about it, for tests to compare.
    var json: String {
        SimJSON.object([
            ("hash", SimJSON.text(hash)), ("md5", SimJSON.text(md5)), ("account", SimJSON.text(toAccount)),
            ("from", SimJSON.text(fromAccount)), ("amount", SimJSON.text(amount.plainText)),
            ("currency", SimJSON.text(amount.currency.code)), ("asked", SimJSON.text(asked.plainText)),
            ("created_ms", "\(createdAt)"), ("external_ref", SimJSON.text(externalRef)), ("ordinal", "\(ordinal)"),
            ("will_be_refunded", "\(willBeRefunded)"), ("is_refunded", "\(isRefunded)"),
        ])
    }
}

extension SimGateway.Standing {
    var json: String {
        SimJSON.object([
            ("id", SimJSON.text(id)), ("hash", SimJSON.text(hash)), ("state", SimJSON.text(state.rawValue)),
            ("tries", "\(tries)"), ("last_status", lastStatus.map { "\($0)" } ?? "null"),
        ])
    }
}

extension BakongBank {
    /// Calls by endpoint, and answers by endpoint and status.
    var callsJSON: String {
        state.withLock { state in
            func counts(_ counts: [String: Int]) -> String {
                SimJSON.object(counts.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") })
            }
            return SimJSON.object([("calls", counts(state.calls)), ("answers", counts(state.answers))])
        }
    }
}

/// A bank's statement: every payment a line, and every refund one below nothing.
enum SimStatement {
    static let columns = [
        "booked_at", "account", "amount", "currency", "transaction_hash", "external_ref", "payer", "description",
    ]

    /// CSV (RFC 4180) with a head; times in UTC.
    static func text(_ payments: [SimPayment]) -> String {
        var lines = [columns.joined(separator: ",")]
        for payment in payments {
            lines.append(line(payment, isRefund: false))
            if payment.isRefunded { lines.append(line(payment, isRefund: true)) }
        }
        return lines.map { $0 + "\r\n" }.joined()
    }

    private static func line(_ payment: SimPayment, isRefund: Bool) -> String {
        let units = isRefund ? 0 &- payment.amount.minorUnits : payment.amount.minorUnits
        let at = Instant(microsecondsSinceEpoch: payment.createdAt &* 1000)
        let fields = [
            at.description, payment.toAccount, Money(minorUnits: units, currency: payment.amount.currency).plainText,
            payment.amount.currency.code, payment.hash, payment.externalRef, payment.fromAccount,
            payment.description ?? (isRefund ? "REFUND" : ""),
        ]
        return fields.map(quoted).joined(separator: ",")
    }

    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { ",\"\r\n".contains($0) }) else { return field }
        return "\"" + field.replacing("\"", with: "\"\"") + "\""
    }
}

enum SimDigest {
    /// Of the UTF-8 of a text, in lower-case hexadecimal.
    static func md5(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var digest = [UInt8](repeating: 0, count: 16)
        var length = 0
        _ = EVP_Q_digest(nil, "MD5", nil, bytes, bytes.count, &digest, &length)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
