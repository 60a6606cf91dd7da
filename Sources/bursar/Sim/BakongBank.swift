import Monetary
import Synchronization

/// A payment as it really happened.
struct SimPayment: Sendable, Equatable {
    let hash: String
    let md5: String
    /// The key by which dice fall: the md5, and which payment of it this is.
    let die: String
    let fromAccount: String
    let toAccount: String
    let amount: Money
    /// What the QR asked for; another amount where the customer paid something else.
    let asked: Money
    /// Milliseconds since the epoch.
    let createdAt: Int64
    let description: String?
    let externalRef: String
    let instructionRef: String?
    /// Which payment of the QR it is: 1 for the first.
    let ordinal: Int
    /// Whether the receiving bank will send it back.
    let willBeRefunded: Bool
    var isRefunded = false
    /// How often it was looked for in vain, because it is found late.
    var lookups = 0
}

/// A wish to pay.
struct SimWish: Sendable {
    var md5: String
    var toAccount: String
    var amount: Money
    var fromAccount = "abaakhppxxx@abaa"
    var description: String?
    var createdAt: Int64?
    var externalRef: String?
    var instructionRef: String?
    var hash: String?
    /// Whether the gateway knows of it at all.
    var tells = true
}

/// The books of a simulated Bakong: payments, tokens and counters, in memory.
final class BakongBank: Sendable {
    struct State {
        var script: BakongScript
        var payments: [SimPayment] = []
        /// Places in `payments`.
        var byMD5: [String: [Int]] = [:]
        var byHash: [String: Int] = [:]
        var staticMD5s: Set<String> = []
        var failedMD5s: Set<String> = []
        var missingAccounts: Set<String> = []
        var tokens: Set<String> = []
        var lastToken = 0
        var codes: [String: String] = [:]
        /// Calls so far by endpoint, and by endpoint and status.
        var calls: [String: Int] = [:]
        var answers: [String: Int] = [:]
    }

    let state: Mutex<State>
    /// Who may renew.
    let email: String

    init(script: BakongScript = BakongScript(), email: String = "books@example.com") {
        state = Mutex(State(script: script))
        self.email = email
    }

    var script: BakongScript {
        get { state.withLock(\.script) }
        set { state.withLock { $0.script = newValue } }
    }

    /// Milliseconds since the epoch, by the machine's clock and the script's offset.
    static func now(_ script: BakongScript) -> Int64 {
        SystemClockMilliseconds.now + Int64(script[.clockOffset])
    }

    /// Pays, once or twice as the dice say.
    /// - Returns: what was paid, in order.
    func pay(_ wish: SimWish) -> [SimPayment] {
        state.withLock { state in
            var paid = [state.enter(wish)]
            if wish.hash == nil, state.script.strikes(.paidTwice, wish.md5) { paid.append(state.enter(wish)) }
            return paid
        }
    }

    /// Sends a payment back.
    /// - Returns: false where there is none, or it is back already.
    func refund(_ hash: String) -> Bool {
        state.withLock { state in
            guard let place = state.byHash[hash], !state.payments[place].isRefunded else { return false }
            state.payments[place].isRefunded = true
            return true
        }
    }

    /// Lets the refunds happen that the dice have chosen.
    /// - Returns: the hashes.
    func refundChosen() -> [String] {
        state.withLock { state in
            var hashes: [String] = []
            for place in state.payments.indices where state.payments[place].willBeRefunded {
                guard !state.payments[place].isRefunded else { continue }
                state.payments[place].isRefunded = true
                hashes.append(state.payments[place].hash)
            }
            return hashes
        }
    }

    /// What was really paid, in order.
    var truth: [SimPayment] { state.withLock(\.payments) }

    /// Marks an md5 as that of a static QR, or as one whose payment failed.
    func mark(_ md5: String, isStatic: Bool) {
        state.withLock { state in
            if isStatic {
                state.staticMD5s.formUnion([md5])
            } else {
                state.failedMD5s.formUnion([md5])
            }
        }
    }

    /// Has an account that does not exist.
    func removeAccount(_ id: String) { state.withLock { $0.missingAccounts.formUnion([id]) } }

    /// How often an endpoint was called, or all of them.
    func calls(of endpoint: String? = nil) -> Int {
        state.withLock { state in endpoint.map { state.calls[$0] ?? 0 } ?? state.calls.values.reduce(0, +) }
    }
}

extension BakongBank.State {
    mutating func enter(_ wish: SimWish) -> SimPayment {
        let ordinal = (byMD5[wish.md5]?.count ?? 0) + 1
        let die = ordinal == 1 ? wish.md5 : "\(wish.md5)#\(ordinal)"
        var units = wish.amount.minorUnits
        if script.strikes(.paysOtherAmount, die) { units &+= 1 }
        let hash = wish.hash ?? SimDice.hexadecimal(64, seed: script[.seed], "hash/\(die)/\(wish.toAccount)")
        let payment = SimPayment(
            hash: hash,
            md5: wish.md5,
            die: die,
            fromAccount: wish.fromAccount,
            toAccount: wish.toAccount,
            amount: Money(minorUnits: units, currency: wish.amount.currency),
            asked: wish.amount,
            createdAt: wish.createdAt ?? BakongBank.now(script),
            description: wish.description,
            externalRef: wish.externalRef ?? "100FT" + String(SimDice.number(seed: 7, hash) % 100_000_000_000),
            instructionRef: wish.instructionRef,
            ordinal: ordinal,
            willBeRefunded: script.strikes(.refunded, die)
        )
        byMD5[wish.md5, default: []].append(payments.count)
        byHash[hash] = payments.count
        payments.append(payment)
        return payment
    }
}
