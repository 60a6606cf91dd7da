/// What the daemon answers to the public: the listener brings requests within its limits, and decides nothing itself.
package protocol PublicSurface: Sendable {
    /// Judges a request by its head, before a byte of its body is kept.
    ///
    /// Called on the connection's own thread: it must not wait for anything.
    func judge(_ head: PublicHead) -> PublicJudgement

    /// Takes a request whose head was let in; the answer may be given from any thread, once.
    ///
    /// Called on the connection's own thread: it must not wait for anything.
    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void)
}

/// A request before its body.
package struct PublicHead: Sendable {
    package var method: String
    /// Without the query.
    package var path: String
    /// In the order in which they came.
    package var headers: [(name: String, value: String)]
    /// Whom it comes from: the peer, or whom a trusted proxy names.
    package var client: NetworkAddress
    /// What the sender says that the body will have, in bytes.
    package var bodyLength: Int?

    package init(
        method: String,
        path: String,
        headers: [(name: String, value: String)] = [],
        client: NetworkAddress,
        bodyLength: Int? = nil
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.client = client
        self.bodyLength = bodyLength
    }

    /// The first value of a header, whose name is given in lower case.
    package func value(of name: String) -> String? {
        headers.first { $0.name.utf8.count == name.utf8.count && $0.name.lowercased() == name }?.value
    }
}

/// What is done with a request after its head.
package enum PublicJudgement: Sendable {
    /// Its body is read, up to so many bytes.
    case read(limit: Int)
    /// It is answered, and its body thrown away.
    case answer(PublicAnswer)
}

/// An answer to the public, complete.
package struct PublicAnswer: Sendable, Equatable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]
    package var headers: [HeaderLine]

    /// A header that only some answers have: `Allow`, `Retry-After`, what a page may do.
    package struct HeaderLine: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
        status: Int,
        contentType: String = "text/plain; charset=utf-8",
        body: [UInt8] = [],
        headers: [HeaderLine] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.headers = headers
    }

    /// A problem document, with an id that whoever made it writes into the log.
    package init(_ problem: Problem, id: String, retryAfter seconds: Int? = nil, allow: String? = nil) {
        var problem = problem
        problem.id = id
        self.init(status: problem.status, contentType: Problem.contentType, body: problem.json)
        if let seconds { headers.append(HeaderLine(name: "Retry-After", value: "\(seconds)")) }
        if let allow { headers.append(HeaderLine(name: "Allow", value: allow)) }
    }
}
