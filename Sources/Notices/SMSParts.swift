/// How many messages a text becomes as an SMS, and where it is cut.
///
/// By 3GPP TS 23.038 and 23.040: texts of the GSM alphabet have 160 characters, or 153 a part where there are several;
/// those of its extension table count twice. Every other text is UCS-2, 70 and 67. No part ends within a character.
package struct SMSParts: Hashable, Sendable {
    package enum Encoding: String, Hashable, Sendable {
        case gsm7 = "GSM-7"
        case ucs2 = "UCS-2"

        /// How much fits into one message that stands alone.
        package var alone: Int { self == .gsm7 ? 160 : 70 }
        /// How much fits into one of several: a header takes the rest.
        package var each: Int { self == .gsm7 ? 153 : 67 }
    }

    package let encoding: Encoding
    /// Of the whole text: septets, or 16-bit units.
    package let units: Int
    /// The text as it is cut; one, empty, for an empty text.
    package let parts: [String]

    /// Above this a text is no SMS, and its template has a problem.
    package static let most = 6

    package var count: Int { parts.count }

    package init(_ text: String) {
        let isGSM = text.unicodeScalars.allSatisfy { Self.septets(of: $0) != nil }
        let encoding = isGSM ? Encoding.gsm7 : .ucs2
        let size: (Unicode.Scalar) -> Int = { isGSM ? Self.septets(of: $0) ?? 1 : ($0.value > 0xFFFF ? 2 : 1) }
        let units = text.unicodeScalars.reduce(0) { $0 + size($1) }
        self.encoding = encoding
        self.units = units
        guard units > encoding.alone else {
            parts = [text]
            return
        }
        var parts: [String] = []
        var part = String.UnicodeScalarView()
        var filled = 0
        for scalar in text.unicodeScalars {
            let more = size(scalar)
            if filled + more > encoding.each {
                parts.append(String(part))
                (part, filled) = (String.UnicodeScalarView(), 0)
            }
            part.append(scalar)
            filled += more
        }
        self.parts = parts + [String(part)]
    }

    /// 1, or 2 for the extension table; nil where the alphabet has no such character.
    private static func septets(of scalar: Unicode.Scalar) -> Int? {
        if basic.contains(scalar) { return 1 }
        return extended.contains(scalar) ? 2 : nil
    }

    private static let basic = Set(
        """
        @£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
        abcdefghijklmnopqrstuvwxyzäöñüà
        """.unicodeScalars
    )
    private static let extended = Set("\u{0C}^{}\\[~]|€".unicodeScalars)
}
