/// What a check of an account found out.
package enum BakongAccountFinding: Equatable, Sendable {
    case exists
    case doesNotExist
    /// It is no account id at all.
    case invalid
    case unknown(BakongFault)
}

/// What a payer's app shows of whoever asks for the payment, and where it leads back to; all three are needed.
package struct BakongSource: Sendable {
    package let iconURL: String
    package let name: String
    /// Opens the payer's browser or app again after paying; that it was opened proves nothing.
    package let callback: String

    package init(iconURL: String, name: String, callback: String) {
        self.iconURL = iconURL
        self.name = name
        self.callback = callback
    }
}

extension BakongCalls {
    /// Whether a Bakong account exists.
    package func account(_ id: String) async throws -> BakongAccountFinding {
        guard (1...255).contains(id.utf8.count) else { return .invalid }
        do {
            let question = BakongQuestion(.account, ["accountId": quoted(id)], keys: [id])
            return try await ask(question) { answer throws(BakongFault) in
                switch answer.errorCode {
                case nil: return .exists
                case 11: return .doesNotExist
                case 12: return .invalid
                case let code?: throw .needsPerson(errorCode: code)
                }
            }
        } catch let fault as BakongFault {
            return .unknown(fault)
        }
    }

    /// A link that opens a QR in the payer's banking app; another one at each call.
    /// - Throws: `BakongFault`.
    package func deeplink(qr: String, source: BakongSource? = nil) async throws -> String {
        var members = ["qr": quoted(qr)]
        if let source {
            members["sourceInfo"] =
                "{\"appIconUrl\":\(quoted(source.iconURL)),\"appName\":\(quoted(source.name)),"
                + "\"appDeepLinkCallback\":\(quoted(source.callback))}"
        }
        return try await ask(BakongQuestion(.deeplink, members, keys: [qr])) { answer throws(BakongFault) in
            guard answer.errorCode == nil else { throw .needsPerson(errorCode: answer.errorCode ?? 0) }
            guard let link = answer.data?["shortLink"]?.words else { throw .unknownShape("a deeplink without a link") }
            return link
        }
    }

    /// Has a code sent by mail to whoever registers; gone from Bakong's API since document 1.0.3, where a web page does it.
    /// - Throws: `BakongFault`.
    package func requestToken(email: BakongSecret, organization: String, project: String) async throws {
        let members = [
            "email": quoted(email.revealed), "organization": quoted(organization), "project": quoted(project),
        ]
        let question = BakongQuestion(.requestToken, members, keys: [], secrets: [email])
        try await ask(question) { answer throws(BakongFault) in
            guard answer.errorCode == nil else { throw .needsPerson(errorCode: answer.errorCode ?? 0) }
        }
    }

    /// The token for a code that came by mail; gone like it.
    /// - Throws: `BakongFault`.
    package func verify(code: BakongSecret) async throws -> BakongSecret {
        let question = BakongQuestion(.verify, ["code": quoted(code.revealed)], keys: [], secrets: [code])
        return try await ask(question) { answer throws(BakongFault) in
            guard let token = answer.data?["token"]?.words else { throw .unknownShape("an answer without a token") }
            return BakongSecret(token)
        }
    }
}
