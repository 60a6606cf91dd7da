internal import Glibc

/// An address of the internet protocol, and who can reach what is there.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes, as they travel.
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads digits as `inet_pton` does: four decimal numbers, or groups of hexadecimal ones.
    package init?(_ text: String) {
        var four = [UInt8](repeating: 0, count: 4)
        var sixteen = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = four
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            bytes = sixteen
        } else {
            return nil
        }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: 64)
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package enum Reach: Equatable, Sendable {
        /// A public address.
        case everybody
        /// This machine, or a network of the house.
        case house(String)
        /// Nothing that a tenant's endpoint could be: a whole group of machines, the provider's own metadata, an example.
        case nobody(String)
    }

    /// Who can reach it: by the registries of special addresses of IANA, RFC 6890 and what came after it.
    ///
    /// An IPv6 address that carries an IPv4 address is judged by that one.
    package var reach: Reach {
        if bytes.count == 4 { return Self.reach(of: bytes, in: Self.four) ?? .everybody }
        if let carried { return IPAddress(bytes: carried).reach }
        if let special = Self.reach(of: bytes, in: Self.six) { return special }
        // Only 2000::/3 is given out.
        return bytes[0] & 0xE0 == 0x20 ? .everybody : .nobody("not given out")
    }

    /// The IPv4 address inside of a mapped, compatible, translated (RFC 6052) or 6to4 address.
    private var carried: [UInt8]? {
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        let isCompatible =
            bytes[..<12].allSatisfy { $0 == 0 } && bytes[12...] != [0, 0, 0, 0] && bytes[12...] != [0, 0, 0, 1]
        let isTranslated = bytes[..<12].elementsEqual([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0])
        if isMapped || isCompatible || isTranslated { return Array(bytes[12...]) }
        return bytes[0] == 0x20 && bytes[1] == 0x02 ? Array(bytes[2..<6]) : nil
    }

    private struct Block {
        let network: [UInt8]
        let bits: Int
        let reach: Reach

        init(_ network: [UInt8], _ bits: Int, _ reach: Reach) {
            (self.network, self.bits, self.reach) = (network, bits, reach)
        }

        func contains(_ bytes: [UInt8]) -> Bool {
            for index in 0..<((bits + 7) / 8) {
                let left = min(8, bits - index * 8)
                let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - left))
                let own = index < network.count ? network[index] : 0
                if bytes[index] & mask != own & mask { return false }
            }
            return true
        }
    }

    private static func reach(of bytes: [UInt8], in blocks: [Block]) -> Reach? {
        blocks.first { $0.contains(bytes) }?.reach
    }

    private static let four = [
        Block([0], 8, .nobody("unspecified")),
        Block([10], 8, .house("private")),
        Block([100, 64], 10, .house("carrier-grade NAT")),
        Block([127], 8, .house("loopback")),
        Block([169, 254], 16, .nobody("link-local")),
        Block([172, 16], 12, .house("private")),
        Block([192, 0, 0], 24, .nobody("protocol assignments")),
        Block([192, 0, 2], 24, .nobody("documentation")),
        Block([192, 88, 99], 24, .nobody("6to4 relays")),
        Block([192, 168], 16, .house("private")),
        Block([198, 18], 15, .nobody("benchmarks")),
        Block([198, 51, 100], 24, .nobody("documentation")),
        Block([203, 0, 113], 24, .nobody("documentation")),
        Block([224], 4, .nobody("multicast")),
        Block([240], 4, .nobody("reserved")),
    ]

    private static let six = [
        Block([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 128, .nobody("unspecified")),
        Block([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, .house("loopback")),
        Block([0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01], 48, .nobody("translation")),
        Block([0x01, 0x00], 64, .nobody("discard")),
        Block([0x20, 0x01, 0x00], 23, .nobody("protocol assignments")),
        Block([0x20, 0x01, 0x0D, 0xB8], 32, .nobody("documentation")),
        Block([0x3F, 0xFF, 0x00], 20, .nobody("documentation")),
        Block([0xFC], 7, .house("unique local")),
        Block([0xFE, 0x80], 10, .nobody("link-local")),
        Block([0xFE, 0xC0], 10, .nobody("site-local")),
        Block([0xFF], 8, .nobody("multicast")),
    ]
}
