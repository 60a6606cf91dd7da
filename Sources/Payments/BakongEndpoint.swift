/// The calls of the Bakong Open API, document 1.0.5 and the two of earlier ones.
///
/// Source: `docs/bakong.md` lists what each takes and answers.
enum BakongEndpoint: String, CaseIterable, Sendable {
    /// Gone from the API since document 1.0.3; some installations still have it.
    case requestToken = "request_token"
    /// Gone like it.
    case verify = "verify"
    case renewToken = "renew_token"
    case deeplink = "generate_deeplink_by_qr"
    case md5 = "check_transaction_by_md5"
    case md5List = "check_transaction_by_md5_list"
    case hash = "check_transaction_by_hash"
    case hashList = "check_transaction_by_hash_list"
    case shortHash = "check_transaction_by_short_hash"
    case instructionRef = "check_transaction_by_instruction_ref"
    case externalRef = "check_transaction_by_external_ref"
    case account = "check_bakong_account"

    var path: String { "/v1/\(rawValue)" }

    /// Whether a call without a token is refused.
    var needsToken: Bool {
        switch self {
        case .requestToken, .verify, .renewToken, .deeplink: false
        // The documents say that it needs one; it was seen to work without, so a token is sent where there is one.
        case .account: false
        default: true
        }
    }

    /// Whether a token is sent where there is one.
    var takesToken: Bool { needsToken || self == .account }

    /// Whether its answer holds a token: nothing of it is ever kept.
    var grantsToken: Bool { self == .renewToken || self == .verify }

    var isList: Bool { self == .md5List || self == .hashList }

    /// Whether what is asked for may be kept in the journal; the others hold an e-mail, a code or somebody's account.
    var hasOpenKeys: Bool {
        switch self {
        case .md5, .md5List, .hash, .hashList, .shortHash, .instructionRef, .externalRef: true
        case .requestToken, .verify, .renewToken, .deeplink, .account: false
        }
    }
}

/// What lookups go by, one or many at a time.
enum BakongKeyKind: Sendable {
    case md5, hash

    /// Bakong takes no more in one call.
    static let mostAtOnce = 50

    var name: String { self == .md5 ? "md5" : "hash" }
    var single: BakongEndpoint { self == .md5 ? .md5 : .hash }
    var list: BakongEndpoint { self == .md5 ? .md5List : .hashList }

    /// Why a text can be no such key; nil where it can.
    func fault(of key: String) -> BakongFault? {
        switch self {
        case .md5 where key.utf8.count != 32 || !key.utf8.allSatisfy(Self.isDigit):
            .ourBug("an md5 is 32 lower-case hexadecimal digits")
        case .hash where !(1...255).contains(key.utf8.count) || !key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }):
            .ourBug("a hash is 1 to 255 visible characters")
        default: nil
        }
    }

    /// The one way to write a key: hexadecimal digits in lower case.
    static func normal(_ key: String) -> String {
        let lower = key.lowercased()
        return lower.utf8.allSatisfy(isDigit) ? lower : key
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
