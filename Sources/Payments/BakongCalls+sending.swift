package import JobKit
internal import Metrics
internal import Outbound
internal import Postgres

extension BakongCalls {
    /// Asks, with a token where the endpoint takes one, and once more with another token where the first is refused.
    ///
    /// What `read` makes of the answer is the result; its faults are told to journal and circuit like any other.
    /// - Throws: `BakongFault`, or why the caller shall stop.
    func ask<Answer: Sendable>(
        _ question: BakongQuestion,
        _ read: @escaping @Sendable (BakongAnswer) throws(BakongFault) -> Answer
    ) async throws -> Answer {
        try await tellLimits()
        guard question.endpoint.takesToken else { return try await send(question, nil, read) }
        let desk = BakongTokenDesk(calls: self)
        let token: BakongToken?
        do {
            token = try await desk.token()
        } catch let fault as BakongFault where !question.endpoint.needsToken {
            guard case .noToken = fault else { throw fault }
            token = nil
        }
        do {
            return try await send(question, token, read)
        } catch BakongFault.unauthorized {
            guard let token, let other = try await desk.replacement(of: token) else { throw BakongFault.unauthorized }
            return try await send(question, other, read)
        }
    }

    /// One call: its turn, the intent, the request, the outcome.
    func send<Answer: Sendable>(
        _ question: BakongQuestion,
        _ token: BakongToken?,
        _ read: @escaping @Sendable (BakongAnswer) throws(BakongFault) -> Answer
    ) async throws -> Answer {
        let isList = question.endpoint.isList
        do {
            return try await context.call(BakongClient.provider, patience: client.settings.patience) { error in
                (error as? BakongFault)?.verdict(ofList: isList) ?? CallVerdict(of: error)
            } _: {
                try await journalled(question, token, read)
            }
        } catch let error as JobError {
            guard case .rateLimited(let wait) = error.disposition else { throw error }
            throw try await refusal(wait)
        }
    }

    private func journalled<Answer: Sendable>(
        _ question: BakongQuestion,
        _ token: BakongToken?,
        _ read: (BakongAnswer) throws(BakongFault) -> Answer
    ) async throws -> Answer {
        let journal = BakongJournal(context: context)
        let call = try await journal.intend(question, token: token?.id, timeout: client.settings.timeout)
        var outcome = BakongOutcome()
        do {
            let answer = try await exchange(question, token, read, &outcome)
            try await conclude(call, question, token, outcome)
            return answer
        } catch let fault as BakongFault {
            outcome.fault = fault
            try await conclude(call, question, token, outcome)
            throw fault
        } catch let error as OutboundError where error.code == .cancelled || error.code == .closed {
            outcome.isUnknown = true
            await journal.conclude(call, outcome)
            throw CancellationError()
        }
    }

    private func exchange<Answer: Sendable>(
        _ question: BakongQuestion,
        _ token: BakongToken?,
        _ read: (BakongAnswer) throws(BakongFault) -> Answer,
        _ outcome: inout BakongOutcome
    ) async throws -> Answer {
        let began = ContinuousClock.now
        defer { outcome.duration = ContinuousClock.now - began }
        let response: HTTPResponse
        do {
            response = try await client.transport.send(request(question, token))
        } catch let error as OutboundError where error.code != .cancelled && error.code != .closed {
            throw BakongFault(error)
        }
        outcome.status = response.status
        outcome.bytes = response.body.count
        let secrets = [token?.text, client.settings.email].compactMap(\.self) + question.secrets
        let answer = try BakongAnswer.read(response, hiding: question.endpoint.grantsToken ? nil : secrets)
        outcome.responseCode = answer.responseCode
        outcome.errorCode = answer.errorCode
        return try read(answer)
    }

    private func conclude(
        _ call: Int64,
        _ question: BakongQuestion,
        _ token: BakongToken?,
        _ outcome: BakongOutcome
    ) async throws {
        await BakongJournal(context: context).conclude(call, outcome)
        let dimensions = [("endpoint", question.endpoint.rawValue), ("outcome", outcome.fault?.word ?? "answered")]
        Counter(label: "bursar_bakong_calls_total", dimensions: dimensions).increment()
        guard let token, !token.hasAnswered, outcome.responseCode != nil else { return }
        try await BakongTokenDesk(calls: self).hasAnswered(token)
    }

    private func request(_ question: BakongQuestion, _ token: BakongToken?) -> HTTPRequest {
        var headers = [
            HTTPField("Content-Type", "application/json"), HTTPField("Accept", "application/json"),
            HTTPField("User-Agent", client.settings.userAgent),
        ]
        if let token { headers.append(HTTPField("Authorization", "Bearer \(token.text.revealed)")) }
        return HTTPRequest(
            method: "POST",
            url: client.settings.address.description + question.endpoint.path,
            headers: headers,
            body: Array(question.body.utf8),
            timeout: client.settings.timeout,
            connectTimeout: min(client.settings.timeout, .seconds(10)),
            maximumBytes: 4 << 20,
            allowsPlainText: client.settings.address.isPlain
        )
    }

    /// Why no call was made.
    private func refusal(_ wait: Duration) async throws -> BakongFault {
        let why = try await context.record(as: "bursar_engine") { transaction in
            try await transaction.query(BakongStatements.whyNoCall, BakongClient.provider).first?
                .get("why", as: String?.self)
        }
        switch why {
        case "quota": return .quotaSpent(after: wait)
        case "rate": return .throttled(after: wait)
        default: return .circuitOpen(after: wait)
        }
    }

    /// Writes down what the configuration allows, once a process and only where it says something new.
    private func tellLimits() async throws {
        guard !client.memory.hasToldLimits else { return }
        try await client.tellLimits(in: context)
    }
}

extension BakongClient {
    /// Puts the configured rate and quota in force, for all nodes.
    ///
    /// What an operator has set since stays, unless the configuration has changed.
    package func tellLimits(in context: some CallingContext) async throws {
        try await context.record(as: "bursar_engine") { transaction in
            _ = try await transaction.execute(
                BakongStatements.tellLimits,
                Self.provider,
                settings.rate,
                max(1, settings.burst),
                settings.perDay,
                "Asia/Phnom_Penh"
            )
        }
        memory.hasToldLimits = true
    }
}

extension BakongFault {
    /// What the network said.
    init(_ error: OutboundError) {
        switch error.code {
        case .timedOut: self = .timeout
        case .tooLarge: self = .unknownShape("the answer is too long")
        case .invalidRequest: self = .ourBug(error.message)
        default: self = .unreachable(error.message)
        }
    }
}
