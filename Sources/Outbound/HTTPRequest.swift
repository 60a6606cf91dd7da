/// One header field of a request or response; names compare without regard to case.
package struct HTTPField: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What to send, and how long and how much to accept in return.
///
/// Redirects are never followed: a `3xx` is a response like any other. Plain `http` is refused unless the request goes
/// through a unix socket or `allowsPlainText` says that the caller wants it.
package struct HTTPRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [HTTPField]
    package var body: [UInt8]
    /// From the start until the last byte of the answer.
    package var timeout: Duration
    /// The share of `timeout` that resolving, connecting and the TLS handshake may take.
    package var connectTimeout: Duration
    /// Speak HTTP over this unix socket; the URL's host is then only a name, and no proxy is used.
    package var unixSocketPath: String?
    /// The one address, in digits, that is connected to, whatever the URL's host resolves to; TLS still wants a certificate of
    /// that host, and no proxy is used.
    package var pinnedAddress: String?
    /// Whether the other side acts anew on each request, so that one must never be sent twice.
    ///
    /// libcurl sends a request once more by itself where a connection that was used before breaks without an answer; a
    /// connection of its own keeps it from that.
    package var isSentOnce: Bool
    /// A longer body ends the request with `OutboundError.Code.tooLarge`.
    package var maximumBytes: Int
    /// Whether `http://` may be spoken over the network.
    package var allowsPlainText: Bool

    package init(
        method: String = "GET",
        url: String,
        headers: [HTTPField] = [],
        body: [UInt8] = [],
        timeout: Duration = .seconds(30),
        connectTimeout: Duration = .seconds(10),
        unixSocketPath: String? = nil,
        pinnedAddress: String? = nil,
        isSentOnce: Bool = false,
        maximumBytes: Int = 1 << 20,
        allowsPlainText: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.unixSocketPath = unixSocketPath
        self.pinnedAddress = pinnedAddress
        self.isSentOnce = isSentOnce
        self.maximumBytes = maximumBytes
        self.allowsPlainText = allowsPlainText
    }

    /// The URL without user, query and fragment: what logs and errors may show.
    package var endpoint: String {
        var shown = url[...]
        if let end = shown.firstIndex(where: { $0 == "?" || $0 == "#" }) { shown = shown[..<end] }
        guard let scheme = shown.range(of: "://") else { return String(shown) }
        let rest = shown[scheme.upperBound...]
        let authorityEnd = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let user = rest[..<authorityEnd].lastIndex(of: "@") else { return String(shown) }
        return String(shown[..<scheme.upperBound]) + rest[rest.index(after: user)...]
    }
}

/// A complete answer.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [HTTPField]
    package var body: [UInt8]

    package init(status: Int, headers: [HTTPField] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first header field of this name.
    package subscript(header name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}

extension Substring {
    /// The first place where `text` stands; the standard library has this only in Foundation.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
