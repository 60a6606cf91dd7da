internal import CivilTime
package import JobKit
internal import Logging
internal import Postgres
internal import Programs

/// What a node delivers with.
package struct DeliveryHouse: Sendable {
    package var desk: any MessageDesk
    /// The rules by which a notice's payer is written to.
    package var rules: @Sendable (DeliveryFacts) -> DeliveryRules
    /// Makes the text of a message; where a template of a tenant cannot be used the second value says so.
    package typealias Render =
        @Sendable (ClaimedMessage, NoticeFacts) throws -> (notice: RenderedNotice, fellBack: String?)

    package var render: Render
    /// Where one click unsubscribes; nil for what cannot be declined, or where no address is public.
    package var unsubscribe: @Sendable (ClaimedMessage) -> String?
    package var journal: SendJournal?
    /// Reads what came back; nil for whoever does not.
    package var reports: DeliveryReports?

    package init(
        desk: any MessageDesk,
        rules: @escaping @Sendable (DeliveryFacts) -> DeliveryRules,
        render: @escaping Render,
        unsubscribe: @escaping @Sendable (ClaimedMessage) -> String? = { _ in nil },
        journal: SendJournal? = nil,
        reports: DeliveryReports? = nil
    ) {
        self.desk = desk
        self.rules = rules
        self.render = render
        self.unsubscribe = unsubscribe
        self.journal = journal
        self.reports = reports
    }
}

/// The steps that delivery is made of, each in chunks of a run.
///
/// What is claimed is not sent yet; what is marked as being sent may have been sent; what is recorded is known. So a node that dies
/// leaves in doubt only the few messages that were on their way.
package struct DeliveryWork: Sendable {
    let context: JobContext
    let house: DeliveryHouse
    /// How many notices are claimed in one transaction.
    let chunk: Int

    /// How often one run looks again at what was given back between claim and sending; after that it is the next run's.
    static let mostTimesAnew = 5

    /// How many messages a connection has on its way between two words to the database: what a node that dies leaves in doubt.
    static let perConnection = 8

    package init(_ context: JobContext, house: DeliveryHouse, chunk: Int) {
        self.context = context
        self.house = house
        self.chunk = chunk
    }

    /// Applies the reports that came back since: nothing goes to an address of which it is known that it is gone.
    package func readReports() async throws { _ = try await house.reports?.process(in: context) }

    /// Plans the notices of events that nobody was told of yet.
    package func tellEvents() async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, _ in
                try await UnnoticedEvent.waiting(limit: chunk, in: transaction)
            } tenant: {
                $0.tenant
            } apply: { transaction, events, checkpoint in
                let planned = try await UnnoticedEvent.tell(events, asOf: context.asOf, in: transaction)
                checkpoint.count("told", planned["planned", default: 0])
                checkpoint.count("untold", planned["skipped", default: 0])
            }
        } while count > 0 && !context.run.isDryRun
    }

    /// Claims what is due and sends it, until nothing is left.
    package func sendAll(step: String) async throws {
        var anew = 0
        var isAnew = false
        while true {
            var claimed: (messages: [ClaimedMessage], content: DeliveryContent?) = ([], nil)
            let count = try await context.chunk { transaction, checkpoint in
                try await DeliveryClaim.due(
                    asOf: context.asOf,
                    after: isAnew ? nil : checkpoint.cursor(of: step),
                    limit: chunk,
                    in: transaction
                )
            } tenant: {
                $0.tenant
            } apply: { transaction, due, checkpoint in
                let tally = try await claim.claim(due, in: transaction)
                for (reason, count) in tally.setAside { checkpoint.count("not_\(reason.rawValue)", count) }
                checkpoint.count("claimed", tally.messages.count)
                if let last = due.last { checkpoint.advance(step, to: last.tenant) }
                guard !tally.messages.isEmpty else { return }
                claimed = (tally.messages, try await DeliveryContent.read(tally.messages, in: transaction))
            }
            isAnew = false
            if count == 0 { return }
            guard !context.run.isDryRun, let content = claimed.content else { continue }
            let wasGivenBack = try await send(claimed.messages, content)
            // What was given back is looked at again by this run, from the first tenant on.
            if wasGivenBack, anew < Self.mostTimesAnew { (anew, isAnew) = (anew + 1, true) }
        }
    }

    private var claim: DeliveryClaim {
        DeliveryClaim(
            desk: house.desk,
            rules: house.rules,
            journal: house.journal,
            run: context.run.id,
            fence: context.run.fence
        )
    }

    private var record: DeliveryRecord { DeliveryRecord(run: context.run.id, fence: context.run.fence) }

    /// Sends claimed messages in small windows; the outcomes of one are recorded together with the beginning of the next.
    ///
    /// - Returns: whether some were given back.
    private func send(_ messages: [ClaimedMessage], _ content: DeliveryContent) async throws -> Bool {
        var wasGivenBack = false
        var sent: [SentMessage] = []
        var start = 0
        while start < messages.count || !sent.isEmpty {
            let window = nextWindow(messages[start...])
            let (going, now) = try await turnOver(sent, window)
            if going.count < window.count { wasGivenBack = true }
            start += window.count
            sent = await sendWindow(window.filter { going.contains($0.id) }, content, now)
            await journal(sent)
            await tellCircuits(sent)
        }
        return wasGivenBack
    }

    /// The first of these that are under way together.
    ///
    /// What must not be said twice is lost in doubt where a node dies: of that no more goes at once than is on the wire.
    private func nextWindow(_ messages: ArraySlice<ClaimedMessage>) -> [ClaimedMessage] {
        guard let first = messages.first else { return [] }
        let areFragile = isFragile(first)
        let alike = messages.prefix { isFragile($0) == areFragile }
        let connections = max(1, alike.map { house.desk.connections($0.channel) }.max() ?? 1)
        return Array(alike.prefix(areFragile ? connections : connections * Self.perConnection))
    }

    /// Whether it can neither be repeated nor asked about.
    private func isFragile(_ message: ClaimedMessage) -> Bool {
        message.guarantee == .atMostOnce && !house.desk.knowsRepeats(message.channel)
    }

    /// Records what the last window came to, and marks the next one as being sent, in one transaction.
    private func turnOver(_ sent: [SentMessage], _ window: [ClaimedMessage]) async throws -> (Set<Int64>, Instant) {
        var going: Set<Int64> = []
        var now = context.asOf
        _ = try await context.chunk { _, _ in
            sent.map(\.message) + window
        } tenant: {
            $0.tenant
        } apply: { transaction, _, checkpoint in
            now = max(now, try await DeliveryFacts.now(in: transaction))
            try await record.end(sent, now: now, in: transaction)
            for one in sent { checkpoint.count(one.outcome.verdict.word, 1) }
            let moment = now
            if !window.isEmpty {
                going = try await record.begin(window, isOpen: { isOpen($0, moment) }, in: transaction)
            }
        }
        return (going, now)
    }

    private func isOpen(_ message: ClaimedMessage, _ now: Instant) -> Bool {
        let zone = (try? Zone(named: message.first.zoneName)) ?? .utc
        return message.notices.allSatisfy { $0.isStillOpen(house.rules($0), zone, now) }
    }

    private func sendWindow(
        _ window: [ClaimedMessage],
        _ content: DeliveryContent,
        _ now: Instant
    ) async -> [SentMessage] {
        await withTaskGroup(of: SentMessage.self) { group in
            var rest = window[...]
            var sent: [SentMessage] = []
            let atOnce = window.map { house.desk.connections($0.channel) }.max() ?? 1
            func add() {
                guard let message = rest.popFirst() else { return }
                group.addTask { await sendOne(message, content, now) }
            }
            for _ in 0..<atOnce { add() }
            for await one in group {
                sent.append(one)
                add()
            }
            return sent
        }
    }

    private func sendOne(_ message: ClaimedMessage, _ content: DeliveryContent, _ now: Instant) async -> SentMessage {
        let unsubscribe = message.first.class == .optional ? house.unsubscribe(message) : nil
        let facts = content.facts(of: message, unsubscribe: unsubscribe)
        let rendered: (notice: RenderedNotice, fellBack: String?)
        do {
            rendered = try house.render(message, facts)
            if let why = rendered.fellBack {
                context.logger.error("a template cannot be used", metadata: ["problem": "\(why)"])
            }
        } catch {
            context.logger.error("a message cannot be rendered", metadata: ["problem": "\(error)"])
            var outcome = SendOutcome(.configuration, phase: "render", reply: "\(error)")
            // Ours, and of this message alone: the channel is not left alone for it.
            outcome.isAboutRecipient = true
            return end(message, outcome, nil, now, reason: .unrenderable)
        }
        // A node whose lease is lost must send nothing more: a peer takes over.
        guard !context.isAbandoned, !Task.isCancelled else {
            return end(message, SendOutcome(.transport, phase: "before sending"), nil, now)
        }
        let outgoing = OutgoingMessage(
            number: message.id,
            messageID: message.messageID,
            channel: message.channel,
            recipient: message.first.recipient ?? "",
            recipientName: TemplateText.oneLine(message.first.payer),
            content: rendered.notice,
            date: now,
            unsubscribe: unsubscribe,
            facts: MessageFacts.json(message, facts),
            tenant: message.tenant,
            category: message.category
        )
        return end(message, await handOver(outgoing), rendered, now)
    }

    /// Sends, within what the next hop takes where it has a rate.
    private func handOver(_ message: OutgoingMessage) async -> SendOutcome {
        guard house.desk.hasRate(message.channel) else { return await house.desk.send(message) }
        do {
            return try await context.call(message.channel.provider, verdict: { NotTaken.verdict($0) }) {
                let outcome = await house.desk.send(message)
                if outcome.verdict != .accepted { throw NotTaken(outcome: outcome) }
                return outcome
            }
        } catch let error as NotTaken {
            return error.outcome
        } catch let error as JobError {
            // Its turn does not come soon, or its circuit is open: nothing was sent.
            guard case .rateLimited(let wait) = error.disposition else {
                return SendOutcome(.transport, phase: "turn", reply: error.reason)
            }
            return SendOutcome(.rateLimited(wait), phase: "turn", reply: error.reason)
        } catch {
            return SendOutcome(.transport, phase: "turn", reply: "\(error)")
        }
    }

    /// Tells the engine how each channel fared in a window, so that one that refuses us is left alone by every node.
    private func tellCircuits(_ sent: [SentMessage]) async {
        for (channel, group) in Dictionary(grouping: sent, by: \.message.channel) where !house.desk.hasRate(channel) {
            let bad = group.first { $0.outcome.callVerdict != .answered }
            await context.tell(channel.provider, bad?.outcome.callVerdict ?? .answered, bad?.outcome.reply)
        }
    }

    private func end(
        _ message: ClaimedMessage,
        _ outcome: SendOutcome,
        _ content: (notice: RenderedNotice, fellBack: String?)?,
        _ now: Instant,
        reason: NoticeReason = .retry
    ) -> SentMessage {
        let next = MessageNext.judge(
            outcome.verdict,
            reason: reason,
            softFailures: message.softFailures,
            doubts: message.doubts,
            guarantee: message.guarantee,
            knowsRepeats: house.desk.knowsRepeats(message.channel),
            now: now
        )
        return SentMessage(
            message: message,
            outcome: outcome,
            transport: outcome.transport ?? "none",
            next: next,
            startedAt: now,
            content: content?.notice,
            fellBack: content?.fellBack
        )
    }

    /// Tells the journal what was accepted, before the database hears of it: what a restore may lose stands here.
    private func journal(_ sent: [SentMessage]) async {
        guard let journal = house.journal else { return }
        let entries = sent.filter { $0.next.state == "accepted" }
            .flatMap { one in
                one.message.notices.map {
                    (key: $0.journalKey, recipient: hexadecimal($0.addressHash ?? []), messageID: one.message.messageID)
                }
            }
        guard !entries.isEmpty else { return }
        let failure = await onOwnThread { () -> SendJournal.Failure? in
            do throws(SendJournal.Failure) {
                try journal.record(entries)
                return nil
            } catch {
                return error
            }
        }
        // What was sent was sent: the database is told of it all the same.
        if let failure { context.logger.error("the journal is not written", metadata: ["problem": "\(failure)"]) }
    }

    /// What the run did, in a line.
    package var report: String {
        let counters = context.checkpoint.counters
        var said: [String] = []
        for (name, words) in Self.words {
            if let count = counters[name], count > 0 { said.append("\(count) \(words)") }
        }
        for reason in NoticeReason.allCases {
            if let count = counters["not_\(reason.rawValue)"], count > 0 {
                said.append("\(count) not now: \(reason.rawValue)")
            }
        }
        return said.isEmpty ? "nothing to do" : said.joined(separator: ", ")
    }

    private static let words = [
        ("told", "planned from events"), ("accepted", "messages accepted"), ("soft", "to be tried again"),
        ("transport", "not reached"), ("hard", "refused for good"), ("unknown", "in doubt"),
        ("configuration", "stopped by our configuration"), ("policy", "refused by policy"),
        ("rate_limited", "asked to wait"), ("recovered", "taken over from a node that died"),
    ]
}

/// A call that did not end with the message taken, so that the provider's circuit hears of it.
private struct NotTaken: Error {
    let outcome: SendOutcome

    static func verdict(_ error: any Error) -> CallVerdict {
        (error as? NotTaken)?.outcome.callVerdict ?? CallVerdict(of: error)
    }
}
