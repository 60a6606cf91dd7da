import Glibc

/// An IP address of version 4 or 6, as sixteen bytes; those of version 4 are mapped, so that one sender is one address
/// whichever socket it came through.
package struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// Network order.
    let high: UInt64
    let low: UInt64

    private static let mapped: UInt64 = 0xFFFF << 32

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads `203.0.113.7` or `2001:db8::1`; null for everything else, names and zones included.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(high: 0, low: Self.mapped | UInt64(UInt32(bigEndian: four.s_addr)))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        self = withUnsafeBytes(of: six) { bytes in
            NetworkAddress(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    private var isVersion4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// One sender: the address itself, or in version 6 the network of 64 bits that a single customer is given.
    package var sender: NetworkAddress { isVersion4 ? self : NetworkAddress(high: high, low: 0) }

    package var description: String {
        if isVersion4 {
            return [24, 16, 8, 0].map { String(low >> UInt64($0) & 0xFF) }.joined(separator: ".")
        }
        var bytes = (high.bigEndian, low.bigEndian)
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A range of addresses that share their first bits: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct AddressBlock: Sendable, Hashable {
    private let base: NetworkAddress
    private let bits: Int

    /// Null where the text is no such range.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = NetworkAddress(first) else { return nil }
        let isVersion4 = !first.contains(":")
        var bits = 128
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...(isVersion4 ? 32 : 128)).contains(given) else { return nil }
            bits = isVersion4 ? given + 96 : given
        }
        self.base = base
        self.bits = bits
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        let highBits = min(bits, 64)
        let lowBits = max(bits - 64, 0)
        return Self.agree(address.high, base.high, highBits) && Self.agree(address.low, base.low, lowBits)
    }

    private static func agree(_ left: UInt64, _ right: UInt64, _ bits: Int) -> Bool {
        bits == 0 || (left ^ right) >> UInt64(64 - bits) == 0
    }
}

/// Who may say for whom a request comes: reverse proxies of one's own.
package struct TrustedProxies: Sendable {
    private let blocks: [AddressBlock]
    /// In lower case.
    private let header: String

    /// No block trusts nobody: the client is then always the other end of the connection.
    package init(_ blocks: [AddressBlock] = [], header: String = "X-Forwarded-For") {
        self.blocks = blocks
        self.header = header.lowercased()
    }

    package func trusts(_ address: NetworkAddress) -> Bool { blocks.contains { $0.contains(address) } }

    /// Whom the request comes from: read from the header where the peer is trusted, from its right end on, up to the first
    /// address that is not trusted itself.
    ///
    /// What stands left of it was written by that client, who may write anything.
    package func client(of peer: NetworkAddress, _ headers: [(name: String, value: String)]) -> NetworkAddress {
        guard trusts(peer) else { return peer }
        var client = peer
        let values = headers.filter { $0.name.lowercased() == header }.map(\.value)
        for part in values.flatMap({ $0.split(separator: ",") }).reversed() {
            guard let address = Self.address(part.filter { $0 != " " && $0 != "\t" }) else { break }
            client = address
            if !trusts(address) { break }
        }
        return client
    }

    /// Some proxies add the port: `203.0.113.7:4711`, `[2001:db8::1]:4711`.
    private static func address(_ text: String) -> NetworkAddress? {
        if let address = NetworkAddress(text) { return address }
        if text.hasPrefix("[") { return NetworkAddress(text.dropFirst().prefix { $0 != "]" }) }
        return text.lastIndex(of: ":").flatMap { NetworkAddress(text[..<$0]) }
    }
}
