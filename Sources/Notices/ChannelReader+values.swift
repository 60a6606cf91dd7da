internal import Payments
internal import Schedules
internal import Webhooks
internal import Yams

/// The values that several transports have.
extension ChannelReader {
    /// Text of a secret's file, without the line ends after it.
    ///
    /// Nil after a problem; an empty text where a checker may not read it.
    mutating func secret(_ node: Node, _ what: String) -> HiddenText? {
        guard let fields = yaml.fields(of: node, what, keys: ChannelSecretKey.self) else { return nil }
        guard (fields[.file] == nil) != (fields[.credential] == nil), let place = fields[.file] ?? fields[.credential]
        else {
            yaml.report(
                node,
                "\(what) needs a file or a credential, and not both",
                remedy: "write it as { file: NAME }"
            )
            return nil
        }
        guard let name = yaml.text(place.value, what) else { return nil }
        switch SecretFile.read(name, isCredential: fields[.credential] != nil, beside: yaml.file) {
        case .bytes(let bytes):
            var bytes = bytes
            while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
            guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self),
                !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else {
                yaml.report(
                    place.value,
                    "\(what): the file is not one line of text",
                    remedy: "write the secret into it alone"
                )
                return nil
            }
            return HiddenText(text)
        case .unreadable(let reason, let isForbidden):
            if reader == .checker, isForbidden { return HiddenText("") }
            yaml.report(place.value, "\(what): \(reason)", remedy: "check the name, and let the daemon's user read it")
            return nil
        }
    }

    /// `Name <address>`, or an address alone.
    mutating func mailbox(_ node: Node, _ what: String) -> Mailbox? {
        guard let text = yaml.text(node, what) else { return nil }
        if let mailbox = Mailbox(text) { return mailbox }
        yaml.report(
            node,
            "\(what) is no mailbox: \(YAMLReader.found(node))",
            remedy: "write it as Name <name@example.com>"
        )
        return nil
    }

    /// Part of what limits and records call a transport.
    mutating func transportName(_ node: Node, _ what: String) -> String? {
        guard let name = yaml.text(node, "name of \(what)") else { return nil }
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789-".utf8
        if name.utf8.count <= 40, name.utf8.allSatisfy(letters.contains) { return name }
        yaml.report(
            node,
            "\"\(name)\" is no name for a transport",
            remedy: "use at most 40 lower-case letters, digits, hyphens"
        )
        return nil
    }

    mutating func timeout(_ node: Node, _ what: String) -> Duration? {
        guard let duration = yaml.positiveDuration(node, "timeout of \(what)") else { return nil }
        if duration <= .seconds(120) { return duration }
        yaml.report(node, "timeout of \(what) is longer than 120s", remedy: "a run must not hang on one message")
        return nil
    }

    /// A URL of a provider: https, or http to this machine by number.
    mutating func address(_ node: Node, _ what: String) -> String? {
        guard let text = yaml.text(node, what) else { return nil }
        let isSecure = text.hasPrefix("https://")
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { !"/?#".contains($0) }
        let isLocal = text.hasPrefix("http://") && BakongAddress.isLoopback(authority)
        guard isSecure || isLocal, !authority.isEmpty, !authority.contains("@"),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            let remedy = "write https://HOST/…; http is for this machine alone, as http://127.0.0.1:PORT"
            yaml.report(node, "\(what) is not fit for secrets: \(YAMLReader.found(node))", remedy: remedy)
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// A path beside the file, or an absolute one.
    func path(_ name: String) -> String {
        if name.hasPrefix("/") { return name }
        return (yaml.file.lastIndex(of: "/").map { String(yaml.file[...$0]) } ?? "") + name
    }

    static func isHere(_ host: String) -> Bool { host == "localhost" || BakongAddress.isLoopback(host) }
}

extension Mailbox {
    /// Reads `Name <address>`, `"Name" <address>` or an address; nil where it is none, or could break a header.
    package init?(_ text: String) {
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return nil }
        var address = text[...]
        var name: Substring?
        if text.hasSuffix(">"), let open = text.lastIndex(of: "<") {
            name = text[..<open]
            address = text[text.index(after: open)...].dropLast()
        }
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }),
            address.allSatisfy({ $0.isASCII && !" \"<>(),:;[]\\".contains($0) })
        else { return nil }
        var shown = String(name ?? "")
        while shown.hasSuffix(" ") { shown.removeLast() }
        while shown.hasPrefix(" ") { shown.removeFirst() }
        if shown.count >= 2, shown.hasPrefix("\""), shown.hasSuffix("\"") {
            shown = String(shown.dropFirst().dropLast())
        }
        guard !shown.contains(where: { "<>\"".contains($0) }) else { return nil }
        self.init(name: shown.isEmpty ? nil : shown, address: String(address))
    }
}
