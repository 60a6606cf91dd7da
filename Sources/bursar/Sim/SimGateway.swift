import Monetary
import Outbound
import Payments
import Synchronization

/// A gateway that tells the merchant of payments by callbacks, signed as Standard Webhooks says, and gets them wrong as scripted.
///
/// It posts to loopback and nowhere else.
final class SimGateway: Sendable {
    /// What became of one callback.
    struct Standing: Sendable, Equatable {
        enum State: String, Sendable {
            /// Never sent.
            case lost
            /// Waits until it is released.
            case held
            case sending
            case delivered
            /// Every try failed, or the receiver refused it for good.
            case givenUp = "given_up"
        }

        let id: String
        let hash: String
        var state: State
        var tries = 0
        var lastStatus: Int?
    }

    private struct State {
        var order: [String] = []
        var standings: [String: Standing] = [:]
        var held: [Letter] = []
    }

    /// A callback ready to be sent.
    struct Letter: Sendable {
        let id: String
        let body: String
        /// Sent in place of the body that was signed.
        let tampered: String?
        /// How long after the payment.
        let delay: Duration
    }

    /// Where callbacks go; nil: nowhere.
    let target: String?
    /// As the merchant configures it: `whsec_` and base64.
    let secretText: String
    private let secret: [UInt8]
    private let state: Mutex<State>
    private let client = HTTPClient()
    private let letters: AsyncStream<Letter>
    private let post: AsyncStream<Letter>.Continuation

    /// - Throws: the target is not on loopback, or the secret is no base64.
    init(target: String?, secret text: String? = nil, seed: Int) throws(CommandFailure) {
        if let target { try Self.requireLoopback(target) }
        let made = SimDice.hexadecimal(48, seed: seed, "webhook secret")
        secretText = text ?? "whsec_" + Base64.text(Array(made.utf8))
        guard let secret = Base64.bytes(secretText.hasPrefix("whsec_") ? secretText.dropFirst(6) : secretText[...]),
            secret.count >= 16
        else {
            throw CommandFailure(.usage, "the secret of the callbacks is not whsec_ and base64 of 16 bytes or more")
        }
        self.target = target
        self.secret = secret
        state = Mutex(State())
        (letters, post) = AsyncStream.makeStream(of: Letter.self)
    }

    deinit { post.finish() }

    static func requireLoopback(_ url: String) throws(CommandFailure) {
        let rest = url.hasPrefix("http://") ? url.dropFirst("http://".count) : ""
        guard BakongAddress.isLoopback(rest.prefix { !"/?#".contains($0) }) else {
            throw CommandFailure(
                .notPermitted,
                "callbacks of the simulator go to this machine alone, not to \(url)",
                remedy: "write it as http://127.0.0.1:PORT/webhooks/SOURCE"
            )
        }
    }

    /// Tells of a payment, as the script would have it.
    func tell(_ payment: SimPayment, _ script: BakongScript) {
        guard target != nil else { return }
        let id = "evt_" + SimDice.hexadecimal(24, seed: script[.seed], "callback/\(payment.hash)")
        let letter = letter(id, payment, script)
        let isLost = script.strikes(.callbackLost, payment.die)
        let isHeld = script.strikes(.callbackLate, payment.die) && script[.late] == 0
        state.withLock { state in
            state.order.append(id)
            state.standings[id] = Standing(
                id: id,
                hash: payment.hash,
                state: isLost ? .lost : isHeld ? .held : .sending
            )
            if isHeld, !isLost { state.held.append(letter) }
        }
        guard !isLost, !isHeld else { return }
        post.yield(letter)
        if script.strikes(.callbackDoubled, payment.die) { post.yield(letter) }
    }

    /// Sends what was held back.
    /// - Returns: how many callbacks that are.
    func release() -> Int {
        let held = state.withLock { state in
            defer { state.held = [] }
            for letter in state.held { state.standings[letter.id]?.state = .sending }
            return state.held
        }
        for letter in held { post.yield(letter) }
        return held.count
    }

    /// All callbacks so far, in order.
    var standings: [Standing] { state.withLock { state in state.order.compactMap { state.standings[$0] } } }

    private func letter(_ id: String, _ payment: SimPayment, _ script: BakongScript) -> Letter {
        func body(_ amount: Money) -> String {
            let data = SimJSON.object([
                ("md5", SimJSON.text(payment.md5)), ("hash", SimJSON.text(payment.hash)),
                ("toAccountId", SimJSON.text(payment.toAccount)), ("amount", SimJSON.text(amount.plainText)),
                ("currency", SimJSON.text(amount.currency.code)), ("status", SimJSON.text("SUCCESS")),
                ("createdDateMs", "\(payment.createdAt)"),
            ])
            return SimJSON.object([("type", SimJSON.text("payment.paid")), ("id", SimJSON.text(id)), ("data", data)])
        }
        func more(_ units: Int64) -> Money {
            Money(minorUnits: payment.amount.minorUnits &+ units, currency: payment.amount.currency)
        }
        let isAltered = script.strikes(.callbackAltered, payment.die)
        return Letter(
            id: id,
            body: body(isAltered ? more(100) : payment.amount),
            tampered: script.strikes(.callbackTampered, payment.die) ? body(more(200)) : nil,
            delay: script.strikes(.callbackLate, payment.die) ? .milliseconds(script[.late]) : .zero
        )
    }
}

extension SimGateway {
    /// Delivers until the task is cancelled, several at a time.
    func run(script: @escaping @Sendable () -> BakongScript) async {
        await withDiscardingTaskGroup { group in
            for await letter in letters {
                group.addTask { await self.deliver(letter, script()) }
            }
        }
    }

    /// Waits until nothing is on its way any more; what is held back does not count.
    func untilQuiet() async throws {
        while standings.contains(where: { $0.state == .sending }) {
            // Waiting: deliveries end one by one, and a test may look at them at any time.
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func deliver(_ letter: Letter, _ script: BakongScript) async {
        // Waiting: the script has it late.
        if letter.delay > .zero, (try? await Task.sleep(for: letter.delay)) == nil { return }
        var pause = Duration.milliseconds(script[.retryPause])
        for turn in 0...script[.retries] {
            if turn > 0 {
                // Waiting: a gateway tries again later, and later still.
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                pause = min(pause * 2, .seconds(60))
            }
            let status = try? await client.send(request(letter)).status
            let isDelivered = status.map { (200..<300).contains($0) } ?? false
            // A signature does not get better, and neither does a body that is refused.
            let isRefused = status.map { [400, 401, 404, 410, 413, 415].contains($0) } ?? false
            state.withLock { state in
                state.standings[letter.id]?.tries += 1
                state.standings[letter.id]?.lastStatus = status
                if isDelivered { state.standings[letter.id]?.state = .delivered }
                if !isDelivered, isRefused || turn == script[.retries] { state.standings[letter.id]?.state = .givenUp }
            }
            if isDelivered || isRefused { return }
        }
    }

    /// Signed anew at each try, under the same id.
    private func request(_ letter: Letter) -> HTTPRequest {
        let at = "\(SystemClockMilliseconds.now / 1000)"
        let signature = Base64.text(HMAC256.of("\(letter.id).\(at).\(letter.body)", key: secret))
        return HTTPRequest(
            method: "POST",
            url: target ?? "",
            headers: [
                HTTPField("Content-Type", "application/json"), HTTPField("webhook-id", letter.id),
                HTTPField("webhook-timestamp", at), HTTPField("webhook-signature", "v1,\(signature)"),
            ],
            body: Array((letter.tampered ?? letter.body).utf8),
            timeout: .seconds(10),
            allowsPlainText: true
        )
    }
}
