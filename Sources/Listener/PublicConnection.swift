import Logging
import NIOCore
import NIOHTTP1

/// One public connection: reads a request within its limits, has it answered, and reads the next one only then.
///
/// What a sender may cost before anybody knows who it is is bounded here: bytes of the head, bytes of the body, and time for
/// each of them. It lives on its event loop alone.
final class PublicConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        /// Between requests; no byte of the next one has come.
        case idle
        case head
        case body(PublicHead, limit: Int)
        /// The answer is known, and what is left of the body is thrown away first.
        case discarding(PublicAnswer, left: Int)
        case answering
        /// Answered for the last time; the peer may still be sending.
        case ending
    }

    private let surface: any PublicSurface
    private let limits: PublicLimits
    private let proxies: TrustedProxies
    private let peer: NetworkAddress
    private let notes: PublicNotes

    private var phase = Phase.head
    private var deadline = NIODeadline.distantFuture
    private var body: [UInt8] = []
    private var keepsAlive = true
    /// Whether any byte of the request that is being waited for has come.
    private var hasBytes = false
    /// Of the request in hand: an answer that comes too late is known by it.
    private var number = 0
    private var context: ChannelHandlerContext?
    private var ticker: RepeatedTask?
    private var wantsRead = false
    /// What came after the request that is being answered.
    private var early = CircularBuffer<HTTPServerRequestPart>()
    private var date = HTTPDate()

    init(
        surface: any PublicSurface,
        limits: PublicLimits,
        proxies: TrustedProxies,
        peer: NetworkAddress,
        notes: PublicNotes
    ) {
        self.surface = surface
        self.limits = limits
        self.proxies = proxies
        self.peer = peer
        self.notes = notes
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        patience(limits.headTimeout)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let tick = TimeAmount(limits.tick)
        ticker = context.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ticker?.cancel()
        number += 1
        phase = .ending
        context.fireChannelInactive()
    }

    /// Nothing is read while a request is being answered: a sender of many at once waits in its own buffers.
    func read(context: ChannelHandlerContext) {
        if case .answering = phase { wantsRead = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if case .answering = phase { early.append(part) } else { take(part) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is BytesCame:
            hasBytes = true
            if case .idle = phase {
                phase = .head
                patience(limits.headTimeout)
            }
        case is ListenerEnds:
            keepsAlive = false
            if case .idle = phase { context.close(promise: nil) }
        case ChannelEvent.inputClosed:
            keepsAlive = false
            if case .answering = phase { return }
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let fault = error as? HTTPParserError else {
            context.close(promise: nil)
            return
        }
        switch phase {
        case .ending: return
        case .answering: keepsAlive = false
        default:
            let isTooLong = fault == .headerOverflow
            let problem = isTooLong ? Problem.headTooLong : Problem.notHTTP
            send(notes.refused(problem, of: peer, why: "\(fault)"), lastOne: true)
        }
    }

    // MARK: Time

    private func patience(_ duration: Duration) { deadline = .now() + TimeAmount(duration) }

    private func tick() {
        guard NIODeadline.now() >= deadline else { return }
        switch phase {
        case .idle, .ending: context?.close(promise: nil)
        case .head where !hasBytes: context?.close(promise: nil)
        case .head: cut(.tooSlow, "head")
        case .body, .discarding: cut(.tooSlow, "body")
        case .answering: cut(.noAnswer, "answer")
        }
    }

    private func cut(_ problem: Problem, _ what: String) {
        notes.cut(what)
        send(notes.refused(problem, of: peer, why: "the \(what) took too long"), lastOne: true)
    }

    // MARK: Requests

    private func take(_ part: HTTPServerRequestPart) {
        switch (part, phase) {
        case (.head(let head), .idle), (.head(let head), .head): begin(head)
        case (.body(let bytes), .body(let head, let limit)):
            guard body.count + bytes.readableBytes <= limit else {
                return refuse(tooLong(head.client), after: head, isExpected: false)
            }
            body.append(contentsOf: bytes.readableBytesView)
        case (.body(let bytes), .discarding(let answer, let left)):
            guard bytes.readableBytes <= left else { return send(answer, lastOne: true) }
            phase = .discarding(answer, left: left - bytes.readableBytes)
        case (.end, .body(let head, _)): complete(head)
        case (.end, .discarding(let answer, _)): send(answer)
        default: break
        }
    }

    private func begin(_ line: HTTPRequestHead) {
        let fields = line.headers.map { (name: $0.name, value: $0.value) }
        let head = PublicHead(
            method: line.method.rawValue,
            path: String(line.uri.prefix { $0 != "?" }),
            headers: fields,
            client: proxies.client(of: peer, fields),
            bodyLength: line.headers.first(name: "content-length").flatMap { Int($0) }
        )
        keepsAlive = keepsAlive && line.isKeepAlive
        body = []
        patience(limits.bodyTimeout)
        let isExpected = line.headers.first(name: "expect")?.lowercased() == "100-continue"
        switch surface.judge(head) {
        case .answer(let answer): refuse(answer, after: head, isExpected: isExpected)
        case .read(let limit):
            if let length = head.bodyLength {
                guard length <= limit else { return refuse(tooLong(head.client), after: head, isExpected: isExpected) }
                body.reserveCapacity(length)
            }
            phase = .body(head, limit: limit)
            if isExpected { write(.head(HTTPResponseHead(version: .http1_1, status: .continue)), flush: true) }
        }
    }

    private func tooLong(_ client: NetworkAddress) -> PublicAnswer {
        notes.refused(.tooLarge, of: client, why: "the body is too long")
    }

    /// Answers once the body is thrown away, where it is short and on its way; at once otherwise.
    private func refuse(_ answer: PublicAnswer, after head: PublicHead, isExpected: Bool) {
        body = []
        if isExpected || head.bodyLength ?? 0 > limits.discardedBytes { return send(answer, lastOne: true) }
        phase = .discarding(answer, left: limits.discardedBytes)
    }

    private func complete(_ head: PublicHead) {
        phase = .answering
        patience(limits.answerTimeout)
        number += 1
        guard let context else { return }
        let (asked, bytes) = (number, body)
        body = []
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        surface.take(head, bytes) { answer in
            if loop.inEventLoop {
                bound.value.answered(asked, answer)
            } else {
                loop.execute { bound.value.answered(asked, answer) }
            }
        }
    }

    private func answered(_ asked: Int, _ answer: PublicAnswer) {
        guard asked == number, case .answering = phase else { return }
        send(answer, isRead: true)
    }
}

// MARK: - Answers

extension PublicConnection {
    /// - Parameters:
    ///   - answer: goes out now.
    ///   - lastOne: the connection ends with it; what the peer still sends is thrown away for a moment, since closing at
    ///     once would take the answer away from it.
    ///   - isRead: nothing of the request is left on its way.
    private func send(_ answer: PublicAnswer, lastOne: Bool = false, isRead: Bool = false) {
        guard let context, context.channel.isActive else { return }
        let isLast = lastOne || !keepsAlive
        number += 1
        write(.head(head(of: answer, isLast: isLast)))
        if !answer.body.isEmpty {
            var bytes = context.channel.allocator.buffer(capacity: answer.body.count)
            bytes.writeBytes(answer.body)
            write(.body(.byteBuffer(bytes)))
        }
        write(.end(nil), flush: true)
        guard isLast else { return next(context) }
        phase = .ending
        early.removeAll()
        if lastOne {
            patience(.seconds(2))
            context.close(mode: .output, promise: nil)
            if wantsRead { readAgain(context) }
        } else {
            context.close(promise: nil)
        }
    }

    private func next(_ context: ChannelHandlerContext) {
        let hasMore = hasBytes && !early.isEmpty
        hasBytes = hasMore
        phase = hasMore ? .head : .idle
        patience(hasMore ? limits.headTimeout : limits.idleTimeout)
        while let part = early.popFirst() {
            take(part)
            if case .answering = phase { return }
        }
        if wantsRead { readAgain(context) }
    }

    private func readAgain(_ context: ChannelHandlerContext) {
        wantsRead = false
        context.read()
    }

    private func head(of answer: PublicAnswer, isLast: Bool) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(8)
        headers.add(name: "Date", value: date.text())
        headers.add(name: "Content-Type", value: answer.contentType)
        headers.add(name: "Content-Length", value: "\(answer.body.count)")
        headers.add(name: "Cache-Control", value: "no-store")
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        for header in answer.headers { headers.add(name: header.name, value: header.value) }
        if isLast { headers.add(name: "Connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
    }

    private func write(_ part: HTTPServerResponsePart, flush: Bool = false) {
        guard let context else { return }
        context.write(wrapOutboundOut(part), promise: nil)
        if flush { context.flush() }
    }
}

/// Tells that bytes came: it stands in front of whatever makes requests of them.
final class ByteWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireUserInboundEventTriggered(BytesCame())
        context.fireChannelRead(data)
    }
}

/// Bytes have come from the peer.
struct BytesCame: Sendable {}

/// The listener takes no more requests.
struct ListenerEnds: Sendable {}
