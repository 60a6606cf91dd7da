/// The mail server that takes our messages, and how it is spoken to.
///
/// Where there is TLS, the certificate always has to prove the host, and nothing older than TLS 1.2 is spoken. Without TLS
/// only this machine itself is spoken to: invoices and a password do not cross a network in the clear.
package struct SMTPRelay: Sendable, Hashable {
    package enum Security: String, CaseIterable, Sendable {
        /// In the clear; to this machine only.
        case none
        /// In the clear until both sides have agreed on TLS (RFC 3207); no message goes where they did not.
        case starttls
        /// TLS from the first byte (RFC 8314), usually on port 465.
        case tls
    }

    /// A name and a password; its description shows the name alone.
    package struct Credentials: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
        package let user: String
        package let password: String

        package init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        package var description: String { "\(user), with a password" }
        package var debugDescription: String { description }
    }

    package var host: String
    package var port: Int
    package var security: Security
    /// Without them nothing is authenticated; with them no message goes unless the relay accepted them.
    package var credentials: Credentials?
    /// The name that we greet with: this machine's, as its mail server would give it.
    package var helloName: String
    /// A PEM file of authorities to believe in place of the system's.
    package var authorities: String?
    /// How long resolving, connecting, TLS, greeting and authentication may take together.
    package var connectTimeout: Duration
    /// How long one message may take on a connection that stands, the reply after the final dot included.
    package var timeout: Duration
    /// How many connections there may be at a time.
    package var connections: Int
    /// How long a connection with nothing to do is kept.
    package var idleTimeout: Duration

    package init(
        host: String,
        port: Int,
        security: Security,
        credentials: Credentials? = nil,
        helloName: String = "localhost",
        authorities: String? = nil,
        connectTimeout: Duration = .seconds(15),
        timeout: Duration = .seconds(30),
        connections: Int = 8,
        idleTimeout: Duration = .seconds(20)
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.credentials = credentials
        self.helloName = helloName
        self.authorities = authorities
        self.connectTimeout = connectTimeout
        self.timeout = timeout
        self.connections = connections
        self.idleTimeout = idleTimeout
    }

    /// What errors and logs call it.
    package var endpoint: String { "smtp\(security == .tls ? "s" : "")://\(hostInURL):\(port)" }

    /// What makes this relay impossible to use, and what to do; nil where nothing does.
    package var fault: String? {
        guard !host.isEmpty, host.utf8.allSatisfy(Self.isOfHost) else { return "'\(host.shown)' is no name of a host" }
        guard (1...65535).contains(port) else { return "\(port) is no port: it is from 1 to 65535" }
        guard !helloName.isEmpty, helloName.utf8.allSatisfy(Self.isOfHost) else {
            return "'\(helloName.shown)' is no name to greet with: it is a host's name, or [an address]"
        }
        guard (1...64).contains(connections) else { return "\(connections) connections: it is from 1 to 64" }
        if security == .none, !isOnThisMachine {
            return "\(host) is another machine, and mail does not go there in the clear: use starttls or tls"
        }
        if let credentials, credentials.user.isEmpty || credentials.hasControls {
            return "the relay's user and password are one line each, and the user is not empty"
        }
        return nil
    }

    private var isOnThisMachine: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    var hostInURL: String { host.contains(":") ? "[\(host)]" : host }

    private static func isOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        case UInt8(ascii: "["), UInt8(ascii: "]"): true
        default: false
        }
    }
}

extension SMTPRelay.Credentials {
    fileprivate var hasControls: Bool { (user + password).utf8.contains { $0 < 0x20 || $0 == 0x7F } }
}

extension String {
    /// On one line and not long, for messages about a text that may be anything.
    var shown: String { String(String.UnicodeScalarView(unicodeScalars.prefix(80).map { $0.value < 0x20 ? " " : $0 })) }
}
