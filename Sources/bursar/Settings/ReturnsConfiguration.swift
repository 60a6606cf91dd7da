import Glibc
import Notices

/// How mails and posts come back to this house, as configured; the secrets are read when the daemon starts.
struct ReturnsConfiguration: Sendable {
    /// Where the public finds this house, without a slash at its end; nil: no mail has a link to unsubscribe.
    let publicURL: String?
    let keyFile: String?
    let secretFile: String?

    /// The systemd credentials that are looked at where no file is named; commands do not get them.
    static let credentials = (key: "notices-key", secret: "notices-inbound-secret")

    /// - Throws: a public URL that is none, or that is not https outside of development.
    init(_ reader: inout SettingsReader, isDevelopment: Bool) throws(CommandFailure) {
        keyFile = try reader.optionalText(.noticesKeyFile)
        secretFile = try reader.optionalText(.noticesInboundSecretFile)
        guard let url = try reader.optionalText(.publicURL) else {
            publicURL = nil
            return
        }
        let isSecure = url.hasPrefix("https://")
        let rest = url.drop { $0 != ":" }.dropFirst(3)
        let isText = url.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !url.contains { "?#@\"<>\\".contains($0) }
        guard isSecure || isDevelopment && url.hasPrefix("http://"), isText, !rest.isEmpty, rest.first != "/" else {
            throw reader.unfit(.publicURL, "a URL such as https://billing.example.com, without a query")
        }
        publicURL = url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    /// The key of return addresses and links; nil where none is configured.
    ///
    /// - Throws: a file that is named and cannot be read, or holds too short a key.
    func key() throws(CommandFailure) -> ReturnKey? {
        guard let text = try Self.secret(keyFile, Self.credentials.key) else { return nil }
        guard let key = ReturnKey(text) else {
            throw CommandFailure(
                .configuration,
                "the key of notices is shorter than \(ReturnKey.shortest) characters",
                remedy: "make one with: openssl rand -hex 32"
            )
        }
        return key
    }

    /// The secret of whoever brings reports; nil where none is configured, and none are taken.
    ///
    /// - Throws: a file that is named and cannot be read, or holds too short a secret.
    func inboundSecret() throws(CommandFailure) -> InboundSecret? {
        guard let text = try Self.secret(secretFile, Self.credentials.secret) else { return nil }
        guard text.utf8.count >= 16 else {
            throw CommandFailure(
                .configuration,
                "the secret of reports is shorter than 16 characters",
                remedy: "make one with: openssl rand -hex 32"
            )
        }
        return InboundSecret(text)
    }

    private static func secret(_ file: String?, _ credential: String) throws(CommandFailure) -> String? {
        if let file { return try TextFile.secret(file) }
        guard let folder = getenv("CREDENTIALS_DIRECTORY") else { return nil }
        return try TextFile.secret("\(String(cString: folder))/\(credential)", isRequired: false)
    }
}
