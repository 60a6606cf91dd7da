import CivilTime
import HTTPTypes
import Hummingbird
import KHQR
import Monetary
import NIOCore
import Schedules

/// The routes of a simulated Bakong: `/v1/…` as the API has it, `/sim/…` to play with it.
struct SimRoutes: Sendable {
    let bank: BakongBank
    let gateway: SimGateway

    func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.post("/v1/{endpoint}") { request, context in
            let bearer = request.headers[.authorization].flatMap { value in
                value.hasPrefix("Bearer ") ? String(value.dropFirst(7)) : nil
            }
            let endpoint = try context.parameters.require("endpoint")
            let answer = bank.answer(endpoint, body: try await text(request), bearer: bearer)
            // Waiting: the caller is to give up before the answer comes.
            if answer.delay > .zero { try await Task.sleep(for: answer.delay) }
            return respond(answer)
        }
        router.get("/sim/{what}") { _, context in look(try context.parameters.require("what")) }
        router.post("/sim/{what}") { request, context in
            let act = try context.parameters.require("what")
            let body = try await text(request)
            do {
                return try perform(act, body)
            } catch let failure as CommandFailure {
                return respond(SimAnswer(status: 400, body: SimJSON.object([("error", SimJSON.text(failure.message))])))
            }
        }
        return router
    }

    private func text(_ request: Request) async throws -> String {
        String(buffer: try await request.body.collect(upTo: 8 << 20))
    }

    private func respond(_ answer: SimAnswer) -> Response {
        var headers: HTTPFields = [.contentType: answer.type]
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Response(
            status: HTTPResponse.Status(code: answer.status),
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body))
        )
    }

    // Looking ---------------------------------------------------------------------------------------------------------

    private func look(_ what: String) -> Response {
        switch what {
        case "truth": respond(SimAnswer(body: SimJSON.list(bank.truth.map(\.json))))
        case "statement.csv": respond(SimAnswer(body: SimStatement.text(bank.truth), type: "text/csv; charset=utf-8"))
        case "calls": respond(SimAnswer(body: bank.callsJSON))
        case "script": respond(SimAnswer(body: bank.script.json))
        case "callbacks": respond(SimAnswer(body: SimJSON.list(gateway.standings.map(\.json))))
        case "token": respond(SimAnswer(body: SimJSON.object([("token", SimJSON.text(bank.newToken()))])))
        default: respond(SimAnswer(status: 404, body: SimJSON.object([("error", SimJSON.text("nothing to see"))])))
        }
    }

    // Acting ----------------------------------------------------------------------------------------------------------

    private func perform(_ act: String, _ body: String) throws -> Response {
        func done(_ members: (String, String)...) -> Response { respond(SimAnswer(body: SimJSON.object(members))) }
        if act == "script" {
            bank.script = try BakongScript(body)
            return done(("script", bank.script.json))
        }
        guard let wish = try? JSONValue(parsing: body.isEmpty ? "{}" : body) else {
            throw CommandFailure(.badData, "the body is no JSON")
        }
        switch act {
        case "pay":
            let wishes: [JSONValue] = if case .list(let many) = wish { many } else { [wish] }
            let paid = try wishes.map { try SimWish($0) }.flatMap { BakongSimulator.pay($0, bank, gateway) }
            return done(("payments", SimJSON.list(paid.map(\.json))))
        case "refund":
            guard let hash = wish.text("hash"), bank.refund(hash) else {
                throw CommandFailure(.badData, "there is no such payment that could be refunded")
            }
            return done(("refunded", SimJSON.text(hash)))
        case "refund-chosen":
            return done(("refunded", SimJSON.list(bank.refundChosen().map { SimJSON.text($0) })))
        case "release":
            return done(("released", "\(gateway.release())"))
        case "expire-tokens":
            bank.expireTokens()
            return done(("tokens", "0"))
        case "mark":
            guard let md5 = wish.text("md5"), let state = wish.text("state"), ["static", "failed"].contains(state)
            else {
                throw CommandFailure(.badData, "mark takes md5, and state: static or failed")
            }
            bank.mark(md5, isStatic: state == "static")
            return done(("md5", SimJSON.text(md5)))
        default:
            throw CommandFailure(.badData, "there is no /sim/\(act)")
        }
    }
}

/// What the text of a QR says to the payer's bank.
struct SimQR: Sendable {
    let md5: String
    var account: String?
    var amount: Money?

    /// The one place where a QR is read; one that is no KHQR has its md5 all the same.
    init(_ text: String) {
        md5 = SimDigest.md5(text)
        guard let decoded = try? DecodedKHQR(text) else { return }
        (account, amount) = (decoded.account, decoded.amount)
    }
}

extension SimWish {
    /// Reads `{qr | md5, account, amount, currency, …}`.
    /// - Throws: what is missing or no amount.
    init(_ value: JSONValue) throws(CommandFailure) {
        let qr = value.text("qr").map { SimQR($0) }
        guard let md5 = value.text("md5") ?? qr?.md5 else {
            throw CommandFailure(.badData, "a payment needs qr or md5")
        }
        guard let account = value.text("account") ?? qr?.account else {
            throw CommandFailure(.badData, "a payment needs account, such as shop@bank")
        }
        let code = value.text("currency") ?? ""
        let written = value.text("amount") ?? value.whole("amount").map { "\($0)" }
        let amount: Money
        if let currency = Currency(code: code), let written {
            do throws(MoneyError) {
                amount = try Money(parsing: written, currency: currency)
            } catch {
                throw CommandFailure(.badData, "\(error)")
            }
        } else if let known = qr?.amount {
            amount = known
        } else {
            throw CommandFailure(
                .badData,
                "a payment needs amount, as text such as \"12.50\", and currency, KHR or USD"
            )
        }
        self.init(md5: md5, toAccount: account, amount: amount)
        fromAccount = value.text("from") ?? fromAccount
        description = value.text("description")
        createdAt = value.whole("created_ms")
        externalRef = value.text("external_ref")
        instructionRef = value.text("instruction_ref")
        hash = value.text("hash")
        tells = value.flag("callback") ?? true
    }
}
