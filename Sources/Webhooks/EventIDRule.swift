/// How a source's posts are told apart: two with one id are one event.
package enum EventIDRule: Sendable, Equatable {
    /// The id that the scheme itself has.
    case scheme
    /// A header's value.
    case header(String)
    /// Fields of a JSON body, joined by `|`.
    case json([String])
    /// The body's own hash: equal bodies are one event.
    case bodyHash

    /// Ids are kept in an index, so they are short.
    package static let longest = 255

    /// The event's id; nil where the post does not have what the rule asks for.
    package func id(of post: ReceivedPost, _ verdict: Verdict) -> String? {
        let id: String?
        switch self {
        case .scheme: id = verdict.claimedID
        case .header(let name): id = Self.only(name, of: post)
        case .bodyHash: id = SignatureText.hex(SignatureCrypto.sha256(post.body))
        case .json(let paths):
            let body = PostBody(post.body)
            let parts = paths.compactMap { body?.at($0)?.words }
            // A bar inside of a part could make two different posts look alike.
            let isClear = parts.count == paths.count && (parts.count == 1 || !parts.contains { $0.contains("|") })
            id = isClear ? parts.joined(separator: "|") : nil
        }
        guard let id, (1...Self.longest).contains(id.utf8.count), !id.utf8.contains(0) else { return nil }
        return id
    }

    /// The header's value, where it stands there once.
    private static func only(_ name: String, of post: ReceivedPost) -> String? {
        let values = post.headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
        return values.count == 1 ? values.first : nil
    }
}
