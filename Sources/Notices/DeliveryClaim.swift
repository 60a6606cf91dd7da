package import CivilTime
package import Postgres
internal import Webhooks

/// A message that is claimed: its notices were judged, its rows are written, and nothing of it was sent yet.
package struct ClaimedMessage: Sendable {
    package let tenant: Int64
    package let id: Int64
    /// RFC 5322, without its brackets.
    package let messageID: String
    /// How often it was tried before, and how often of that in vain or in doubt.
    package let attempts: Int
    package let softFailures: Int
    package let doubts: Int
    /// The notices that it says, the gravest first.
    package let notices: [DeliveryFacts]

    package var first: DeliveryFacts { notices[0] }
    package var channel: NoticeChannel { first.channel }
    /// Of its gravest notice.
    package var category: String { first.category }
    package var template: String { first.template }
    /// The strictest of its notices.
    package var guarantee: DeliveryGuarantee {
        notices.contains { $0.guarantee == .atMostOnce } ? .atMostOnce : .atLeastOnce
    }
    package var validUntil: Instant { notices.map(\.validUntil).min() ?? first.validUntil }

    /// The next attempt's number.
    package var attempt: Int { attempts + 1 }
}

/// Makes messages of notices whose time has come, in one transaction: what each of them comes to is decided while its rows and
/// those of its invoice are locked.
package struct DeliveryClaim: Sendable {
    /// What a claim came to.
    package struct Tally: Sendable {
        package var messages: [ClaimedMessage] = []
        /// How many notices were put off, skipped or passed on, by reason.
        package var setAside: [NoticeReason: Int] = [:]
    }

    /// A notice that is due, for the chunk.
    package struct Due: Equatable, Sendable {
        package let tenant: Int64
        package let notice: Int64
    }

    let desk: any MessageDesk
    let rules: @Sendable (DeliveryFacts) -> DeliveryRules
    let journal: SendJournal?
    let run: Int64
    let fence: Int64

    package static func due(
        asOf: Instant,
        after: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> [Due] {
        try await transaction.query(DeliveryStatements.due, asOf, after ?? -1, limit).map { row in
            Due(tenant: try row.integer(0), notice: try row.integer(1))
        }
    }

    /// Decides about these notices, and claims what is to be sent.
    package func claim(_ due: [Due], in transaction: Transaction) async throws -> Tally {
        let (facts, now) = try await DeliveryFacts.read(
            tenants: due.map(\.tenant),
            notices: due.map(\.notice),
            in: transaction
        )
        var budgets = try await Budgets(desk, facts, in: transaction)
        var (judged, verdicts) = judge(facts, &budgets, now)
        oneADay(&judged, &verdicts)
        leaveDoubtsAlone(&judged, &verdicts)
        var tally = Tally()
        try await postpone(&verdicts, judged, &tally, in: transaction)
        try await setAside(verdicts, now, &tally, in: transaction)
        tally.messages = try await make(judged, in: transaction)
        try await transaction.execute(DeliveryStatements.dropEmpty, Array(Set(due.map(\.tenant))).sorted())
        return tally
    }

    private typealias Judged = (facts: DeliveryFacts, verdict: NoticeVerdict)

    /// Every check of every notice; what is to be sent, and what becomes of the rest.
    private func judge(
        _ facts: [DeliveryFacts],
        _ budgets: inout Budgets,
        _ now: Instant
    ) -> ([DeliveryFacts], [Judged]) {
        var sent: [DeliveryFacts] = []
        var others: [Judged] = []
        for notice in facts {
            let zone = (try? Zone(named: notice.zoneName)) ?? .utc
            var verdict = DeliveryFacts.verdict(notice.checks(rules(notice), zone, now: now))
            if verdict == .send { verdict = houseVerdict(notice, zone, &budgets, now) }
            if verdict == .send { sent.append(notice) } else { others.append((notice, verdict)) }
        }
        return (sent, others)
    }

    /// What the house knows beside the database: whether the channel is open, what the journal says, whether today had one.
    private func houseVerdict(
        _ notice: DeliveryFacts,
        _ zone: Zone,
        _ budgets: inout Budgets,
        _ now: Instant
    ) -> NoticeVerdict {
        if !desk.isOn(notice.channel) { return .putOff(until: now.adding(.seconds(3600)), .channelOff) }
        if journal?.hasSent(notice.journalKey) == true { return .skip(.journalled) }
        let tomorrow = zone.startOfDay(notice.today.adding(days: 1))
        let isTaken =
            switch notice.class {
            case .mandatory: notice.sentToday.contains("mandatory")
            case .optional: !notice.sentToday.isEmpty
            case .transaction, .operator: false
            }
        if isTaken { return .putOff(until: tomorrow, .oneADay) }
        return budgets.take(notice) ? .send : .putOff(until: tomorrow, .budget)
    }

    /// A courtesy waits for another day where the payer is told something graver today.
    private func oneADay(_ judged: inout [DeliveryFacts], _ others: inout [Judged]) {
        let grave = Set(judged.filter { $0.class == .mandatory }.map(PayerAndChannel.init))
        for notice in judged where notice.class == .optional && grave.contains(PayerAndChannel(notice)) {
            let zone = (try? Zone(named: notice.zoneName)) ?? .utc
            others.append((notice, .putOff(until: zone.startOfDay(notice.today.adding(days: 1)), .oneADay)))
        }
        judged.removeAll { $0.class == .optional && grave.contains(PayerAndChannel($0)) }
    }

    /// What may have arrived says on a second try what it said on the first: nothing new joins it, or the receiver would know the
    /// Message-ID and never see the rest.
    private func leaveDoubtsAlone(_ judged: inout [DeliveryFacts], _ others: inout [Judged]) {
        let doubtful = Set(judged.filter(\.isInDoubt).map(MessageKey.init))
        guard !doubtful.isEmpty else { return }
        func mustWait(_ notice: DeliveryFacts) -> Bool { !notice.isInDoubt && doubtful.contains(MessageKey(notice)) }
        for notice in judged where mustWait(notice) {
            let zone = (try? Zone(named: notice.zoneName)) ?? .utc
            others.append((notice, .putOff(until: zone.startOfDay(notice.today.adding(days: 1)), .oneADay)))
        }
        judged.removeAll(where: mustWait)
    }

    /// Puts off messages that were tried before with all that they say: their notices stay theirs, and so does the Message-ID.
    private func postpone(
        _ others: inout [Judged],
        _ sent: [DeliveryFacts],
        _ tally: inout Tally,
        in transaction: Transaction
    ) async throws {
        let going = Set(sent.compactMap(\.messageName))
        var waits: [String: (tenant: Int64, until: Instant)] = [:]
        others.removeAll { notice, verdict in
            guard let name = notice.messageName, !going.contains(name), case .putOff(let until, let reason) = verdict
            else {
                return false
            }
            waits[name] = (notice.tenant, min(until, waits[name]?.until ?? until))
            tally.setAside[reason, default: 0] += 1
            return true
        }
        guard !waits.isEmpty else { return }
        let rows = waits.sorted { $0.key < $1.key }
        try await transaction.execute(
            DeliveryStatements.postpone,
            rows.map(\.value.tenant),
            rows.map(\.key),
            rows.map(\.value.until)
        )
    }

    private func setAside(
        _ judged: [Judged],
        _ now: Instant,
        _ tally: inout Tally,
        in transaction: Transaction
    ) async throws {
        guard !judged.isEmpty else { return }
        var (states, reasons, until): ([String], [String], [Instant?]) = ([], [], [])
        var climbing: [DeliveryFacts] = []
        for (notice, verdict) in judged {
            let (state, reason, instant) = verdict.row
            states.append(state)
            reasons.append(reason.rawValue)
            until.append(instant)
            tally.setAside[reason, default: 0] += 1
            if case .climb = verdict { climbing.append(notice) }
        }
        let facts = judged.map(\.facts)
        try await transaction.execute(
            DeliveryStatements.setAside,
            facts.map(\.tenant),
            facts.map(\.id),
            states,
            reasons,
            until
        )
        guard !climbing.isEmpty else { return }
        _ = try await transaction.query(DeliveryStatements.climb, climbing.map(\.tenant), climbing.map(\.id), now)
    }
}

extension DeliveryClaim {
    /// Groups what is to be sent, a message a payer, channel, class and day, and writes the messages with their notices.
    private func make(_ notices: [DeliveryFacts], in transaction: Transaction) async throws -> [ClaimedMessage] {
        guard !notices.isEmpty else { return [] }
        var groups: [(key: MessageKey, notices: [DeliveryFacts])] = []
        var places: [MessageKey: Int] = [:]
        for notice in notices.sorted(by: { $0.gravity > $1.gravity }) {
            let key = MessageKey(notice)
            if let place = places[key] {
                groups[place].notices.append(notice)
            } else {
                places[key] = groups.count
                groups.append((key, [notice]))
            }
        }
        let drafts = groups.map { Draft($0.notices, domain: desk.domain) }
        let made = try await write(drafts, in: transaction)
        let claimed = drafts.compactMap { draft in
            made[draft.name].map { row in
                ClaimedMessage(
                    tenant: draft.first.tenant,
                    id: row.id,
                    messageID: draft.name,
                    attempts: row.attempts,
                    softFailures: row.soft,
                    doubts: row.doubtful,
                    notices: draft.notices
                )
            }
        }
        let rows = claimed.flatMap { message in message.notices.map { ($0.tenant, $0.id, message.id) } }
        try await transaction.execute(DeliveryStatements.claim, rows.map(\.0), rows.map(\.1), rows.map(\.2))
        return claimed
    }

    private typealias Made = (id: Int64, attempts: Int, soft: Int, doubtful: Int)

    private func write(_ drafts: [Draft], in transaction: Transaction) async throws -> [String: Made] {
        let firsts = drafts.map(\.first)
        let rows = try await transaction.query(
            DeliveryStatements.makeMessages,
            firsts.map(\.tenant),
            firsts.map(\.issuer),
            firsts.map(\.channel.rawValue),
            firsts.map(\.class.rawValue),
            firsts.map(\.today),
            firsts.map(\.addressID),
            firsts.map { $0.addressHash.map(hexadecimal) },
            drafts.map(\.name),
            drafts.map(\.guarantee.rawValue),
            firsts.map(\.locale),
            drafts.map(\.validUntil),
            run,
            fence
        )
        return try rows.reduce(into: [:]) { made, row in
            made[try row.get("message_id", as: String.self)] = (
                try row.get("id"), try row.get("attempts"), try row.get("soft"), try row.get("doubtful")
            )
        }
    }

    /// What will be one message.
    private struct Draft {
        let notices: [DeliveryFacts]
        let name: String

        init(_ notices: [DeliveryFacts], domain: String) {
            self.notices = notices
            let first = notices[0]
            // From the fact and never from the try: the same message made again is the same message.
            name =
                notices.lazy.compactMap(\.messageName).first
                ?? "\(digest(MessageKey(first).words(first)).prefix(32))@\(domain)"
        }

        var first: DeliveryFacts { notices[0] }
        var guarantee: DeliveryGuarantee {
            notices.contains { $0.guarantee == .atMostOnce } ? .atMostOnce : .atLeastOnce
        }
        var validUntil: Instant { notices.map(\.validUntil).min() ?? first.validUntil }
    }
}

/// What is left of the channels' daily budgets, for the payers' days of one claim.
///
/// A message counts with its first notice; one that is tried again has been counted.
private struct Budgets {
    private struct Day: Hashable {
        let channel: NoticeChannel
        let day: CivilDate
    }

    private let limits: [NoticeChannel: Int]
    private var used: [Day: Int] = [:]
    private var counted: Set<MessageKey> = []

    init(_ desk: any MessageDesk, _ facts: [DeliveryFacts], in transaction: Transaction) async throws {
        let channels = Set(facts.map(\.channel))
        limits = channels.reduce(into: [:]) { $0[$1] = desk.dailyBudget($1) }
        guard !limits.isEmpty, let first = facts.map(\.today).min() else { return }
        let rows = try await transaction.query(DeliveryStatements.usedBudgets, limits.keys.map(\.rawValue), first)
        for row in rows {
            guard let channel = NoticeChannel(rawValue: try row.get("channel")) else { continue }
            used[Day(channel: channel, day: try row.get("local_day"))] = try row.get("count")
        }
    }

    mutating func take(_ notice: DeliveryFacts) -> Bool {
        guard let limit = limits[notice.channel], notice.messageName == nil else { return true }
        guard counted.insert(MessageKey(notice)).inserted else { return true }
        let day = Day(channel: notice.channel, day: notice.today)
        guard used[day, default: 0] < limit else {
            counted.remove(MessageKey(notice))
            return false
        }
        used[day, default: 0] += 1
        return true
    }
}

private struct PayerAndChannel: Hashable {
    let tenant: Int64
    let channel: NoticeChannel

    init(_ notice: DeliveryFacts) {
        tenant = notice.tenant
        channel = notice.channel
    }
}

/// What shares a message: a payer's notices of one class on one channel and day; of receipts each is its own.
private struct MessageKey: Hashable {
    let payer: PayerAndChannel
    let `class`: NoticeClass
    let alone: Int64?

    init(_ notice: DeliveryFacts) {
        payer = PayerAndChannel(notice)
        `class` = notice.class
        alone = notice.class == .optional || notice.class == .mandatory ? nil : notice.id
    }

    func words(_ notice: DeliveryFacts) -> String {
        alone == nil
            ? "\(payer.tenant)/\(payer.channel.rawValue)/\(`class`.rawValue)/\(notice.today)" : notice.journalKey
    }
}

extension DeliveryFacts {
    /// Which notice speaks for a message that says several things.
    fileprivate var gravity: Int { Self.byGravity.firstIndex(of: category) ?? -1 }

    private static let byGravity = ["courtesy", "due_soon", "overdue", "expiry_warning", "final"]
}

extension NoticeVerdict {
    /// State, reason and time as the database keeps them.
    fileprivate var row: (state: String, reason: NoticeReason, notBefore: Instant?) {
        switch self {
        case .send: ("planned", .retry, nil)
        case .putOff(let until, let reason): ("planned", reason, until)
        case .skip(let reason), .climb(let reason): ("skipped", reason, nil)
        case .superseded: ("superseded", .laterStep, nil)
        }
    }
}

/// SHA-256 in hexadecimal digits.
func digest(_ text: String) -> String { hexadecimal(SignatureCrypto.sha256(Array(text.utf8))) }

/// Bytes as hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.count)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
