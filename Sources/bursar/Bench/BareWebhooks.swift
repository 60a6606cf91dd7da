import Glibc

/// The least that storing a webhook durably can cost one by one: rows inserted over as many connections as senders have,
/// each committed by itself, into a table with the same columns and indexes.
///
/// It speaks the server's protocol itself, over the same kind of loop as the posts: what the load costs is the same for both.
struct BareWebhooks: Sendable {
    let socket: String
    let database: String
    let body: @Sendable (Int) -> [UInt8]

    static let schema = """
        create schema bare;
        create table bare.webhook_event (like bursar.webhook_event including all);
        """

    private static let statement = """
        insert into bare.webhook_event (source, event_id, body, headers, content_type, scheme, secret, address)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """

    func run(_ numbers: Range<Int>, connections: Int) async throws -> ClosedLoop.Facts {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for _ in 0..<connections { descriptors.append(try connect()) }
        return try await ClosedLoop.run(descriptors, numbers, Exchange(body: body))
    }

    /// A session with the statement prepared.
    private func connect() throws -> Int32 {
        let descriptor = try Socket.unix(socket)
        var startup: [UInt8] = Message.integer(196_608)
        for text in ["user", "postgres", "database", database] { startup += Message.text(text) }
        startup.append(0)
        try Socket.send(Message.integer(Int32(startup.count + 4)) + startup, descriptor)
        try Self.untilReady(descriptor)
        let parse = Message.text("store") + Message.text(Self.statement) + Message.short(0)
        try Socket.send(Message("P", parse).bytes + Message("S").bytes, descriptor)
        try Self.untilReady(descriptor)
        return descriptor
    }

    private static func untilReady(_ descriptor: Int32) throws {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while try !Message.endsReady(answer[...]) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw BenchFailure("the server closed a connection") }
            answer += buffer[..<count]
        }
    }

    private struct Exchange: LoadExchange {
        let body: @Sendable (Int) -> [UInt8]

        func request(_ number: Int) -> [UInt8] {
            let values: [[UInt8]] = [
                Array("bench".utf8), Array("event-\(number)".utf8), body(number),
                Array(WebhookBench.headers(number, signature: WebhookBench.anySignature).utf8),
                Array("application/json".utf8), Array("generic".utf8), Array("0123abcd".utf8), Array("127.0.0.1".utf8),
            ]
            // The portal and the statement; all values are text but for the body, which is sent as it is.
            var bind = Message.text("") + Message.text("store") + Message.short(8)
            for place in 0..<8 { bind += Message.short(place == 2 ? 1 : 0) }
            bind += Message.short(8)
            for value in values { bind += Message.integer(Int32(value.count)) + value }
            bind += Message.short(0)
            let execute = Message.text("") + Message.integer(0)
            return Message("B", bind).bytes + Message("E", execute).bytes + Message("S").bytes
        }

        func isComplete(_ answer: ArraySlice<UInt8>) throws -> Bool { try Message.endsReady(answer) }
    }
}

/// A message of PostgreSQL's protocol, version 3.
private struct Message {
    let bytes: [UInt8]

    init(_ type: Character, _ content: [UInt8] = []) {
        bytes = [type.asciiValue ?? 0] + Self.integer(Int32(content.count + 4)) + content
    }

    static func integer(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    static func short(_ value: Int16) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

    /// Whether the last message is that the server is ready for the next.
    ///
    /// - Throws: the server's error.
    static func endsReady(_ answer: ArraySlice<UInt8>) throws -> Bool {
        var rest = answer
        while rest.count >= 5 {
            let start = rest.startIndex
            let length = rest[start + 1...start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= length + 1 else { return false }
            switch rest[start] {
            case UInt8(ascii: "E"):
                let text = rest[start + 5..<start + length].map { $0 == 0 ? UInt8(ascii: " ") : $0 }
                throw BenchFailure("the server refused: \(String(decoding: text, as: UTF8.self))")
            case UInt8(ascii: "Z"): return rest.count == length + 1
            default: rest = rest.dropFirst(length + 1)
            }
        }
        return false
    }
}
