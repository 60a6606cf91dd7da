/// How Bakong is reached, and how much may be asked of it.
package struct BakongSettings: Sendable {
    package var address: BakongAddress
    /// The e-mail that the token is registered under: whoever knows it can renew the token.
    ///
    /// Nil: no renewals.
    package var email: BakongSecret?
    /// What the token is encrypted with in the database.
    ///
    /// Nil: no token can be stored or read.
    package var sealingKey: BakongSealingKey?
    /// Calls a second over all nodes; nil for any number.
    package var rate: Double?
    /// Calls that may be saved up.
    package var burst: Double
    /// Calls a day of Phnom Penh over all nodes; nil for any number.
    package var perDay: Int?
    /// From the start of a call until the last byte of its answer.
    package var timeout: Duration
    /// How long a call may wait for its turn.
    package var patience: Duration
    /// A firewall in front of Bakong is said to refuse calls that name no program.
    package var userAgent: String

    package init(
        address: BakongAddress,
        email: BakongSecret? = nil,
        sealingKey: BakongSealingKey? = nil,
        rate: Double? = 5,
        burst: Double = 10,
        perDay: Int? = nil,
        timeout: Duration = .seconds(15),
        patience: Duration = .seconds(5),
        userAgent: String = "bursar"
    ) {
        self.address = address
        self.email = email
        self.sealingKey = sealingKey
        self.rate = rate
        self.burst = burst
        self.perDay = perDay
        self.timeout = timeout
        self.patience = patience
        self.userAgent = userAgent
    }
}

/// Where the API is: scheme, host and port, without a path.
package struct BakongAddress: Hashable, Sendable, CustomStringConvertible {
    /// The National Bank's own.
    package static let production = "https://api-bakong.nbc.gov.kh"

    package let description: String
    /// `http`, which is for this machine alone.
    let isPlain: Bool

    /// Reads `https://HOST[:PORT]`, and where a simulator may be meant `http://127.0.0.1:PORT` too.
    /// - Throws: what is wrong with it.
    package init(_ text: String, allowsLoopback: Bool) throws(BakongSettingsError) {
        let bare = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let mark = bare.firstRange(of: "://") else {
            throw BakongSettingsError("\(text) is no URL", remedy: "write it as \(Self.production)")
        }
        let scheme = bare[..<mark.lowerBound]
        let authority = bare[mark.upperBound...]
        guard !authority.isEmpty, !authority.contains(where: { "/?#@\\ ".contains($0) }) else {
            throw BakongSettingsError(
                "\(text) is more than a scheme and a host",
                remedy: "write it as \(Self.production); the paths are added"
            )
        }
        switch scheme {
        case "https": isPlain = false
        case "http" where allowsLoopback && Self.isLoopback(authority): isPlain = true
        default:
            throw BakongSettingsError(
                "\(text) is not https",
                remedy: "tokens go over https alone; http is for a simulator on 127.0.0.1, in development"
            )
        }
        description = bare
    }

    /// Whether the host of `HOST[:PORT]` is this machine, by number: a name could be made to point elsewhere.
    package static func isLoopback(_ authority: some StringProtocol) -> Bool {
        if authority == "[::1]" || authority.hasPrefix("[::1]:") { return true }
        let host = authority.prefix { $0 != ":" }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// What is wrong with a setting or a secret, and what to do.
package struct BakongSettingsError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    package let remedy: String

    package init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }

    package var description: String { message }
}

/// A text that must not be seen: neither interpolation nor `dump` shows it.
package struct BakongSecret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    package init(_ text: String) { self.text = text }

    /// The text itself, for the request that needs it and nothing else.
    package var revealed: String { text }

    package var description: String { "(secret)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
