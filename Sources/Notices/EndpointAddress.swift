internal import Glibc
internal import Programs

/// Why an endpoint is not written to.
package struct EndpointRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    package let remedy: String
    /// Whether the URL itself is unfit; else it is what its host resolved to, which may change.
    package let isOfURL: Bool

    package var description: String { message }
}

/// The URL of an endpoint, read strictly: what this does not understand is not asked.
package struct EndpointURL: Hashable, Sendable {
    package let text: String
    /// Without brackets.
    let host: String
    let port: UInt16
    let isPlain: Bool

    /// - Throws: no URL, another scheme, a user in it, a fragment, a letter that URLs do not have.
    package init(_ text: String, allowsPlainText: Bool) throws(EndpointRefusal) {
        func refusal(_ message: String, _ remedy: String) -> EndpointRefusal {
            EndpointRefusal(message: message, remedy: remedy, isOfURL: true)
        }
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
        else {
            throw refusal(
                "the endpoint is no URL of at most 2048 plain letters",
                "write other letters in percent-encoding"
            )
        }
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://") else {
            throw refusal("the endpoint is no web address", "it begins with https://")
        }
        guard isSecure || allowsPlainText else {
            throw refusal("the endpoint is not https", "what it is told is not for everybody on the way")
        }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else {
            throw refusal("the endpoint has a user in it", "leave user and password out: posts are signed")
        }
        guard !text.contains("#") else { throw refusal("the endpoint has a fragment", "leave out # and what follows") }
        guard let (host, port) = Self.split(authority) else {
            throw refusal("the endpoint has no name of a host", "write it as https://HOST/…")
        }
        self.text = text
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        isPlain = !isSecure
    }

    private static func split(_ authority: Substring) -> (String, UInt16?)? {
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            port = after.isEmpty ? nil : after.dropFirst()
            guard IPAddress(String(host))?.bytes.count == 16 else { return nil }
        } else {
            if let colon = authority.firstIndex(of: ":") {
                host = authority[..<colon]
                port = authority[authority.index(after: colon)...]
            }
            let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_".utf8
            guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy(letters.contains) else { return nil }
        }
        guard let port else { return (host.lowercased(), nil) }
        guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(port), number > 0 else {
            return nil
        }
        return (host.lowercased(), number)
    }
}

/// Finds the addresses of a host.
package struct EndpointResolver: Sendable {
    let resolve: @Sendable (_ host: String) async -> [IPAddress]

    package init(_ resolve: @escaping @Sendable (_ host: String) async -> [IPAddress]) { self.resolve = resolve }

    /// The system's: files, DNS, and the old ways to write an address (`0x7f.1`, `2130706433`).
    package static let system = EndpointResolver { host in
        await onOwnThread { addresses(of: host) }
    }

    /// The addresses of an endpoint that may be connected to.
    ///
    /// - Throws: it has none, or one of them is not public and not allowed: whoever mixes them wants us to try.
    package func vetted(_ url: EndpointURL, _ settings: EndpointSettings) async throws(EndpointRefusal) -> [IPAddress] {
        let addresses = await resolve(url.host)
        guard !addresses.isEmpty else {
            throw EndpointRefusal(message: "\(url.host) has no address", remedy: "check its name", isOfURL: false)
        }
        for address in addresses {
            let (what, isHouse): (String, Bool) =
                switch address.reach {
                case .everybody: ("", true)
                case .house(let what): (what, settings.allowsPrivate)
                case .nobody(let what): (what, false)
                }
            guard isHouse else {
                throw EndpointRefusal(
                    message: "the endpoint leads to an address that is not public: \(what)",
                    remedy:
                        "name one that everybody reaches; allow_private of the channels file lets networks of the house",
                    isOfURL: IPAddress(url.host) != nil
                )
            }
        }
        return addresses
    }
}

/// What the system says, without a look at what this machine itself can reach.
private func addresses(of host: String) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [IPAddress] = []
    var next = list
    while let entry = next?.pointee {
        next = entry.ai_next
        guard let raw = UnsafeRawPointer(entry.ai_addr) else { continue }
        let address: IPAddress
        switch entry.ai_family {
        case AF_INET:
            let four = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            address = IPAddress(bytes: withUnsafeBytes(of: four) { Array($0) })
        case AF_INET6:
            let sixteen = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            address = IPAddress(bytes: withUnsafeBytes(of: sixteen) { Array($0) })
        default: continue
        }
        if !found.contains(address) { found.append(address) }
    }
    return found
}
