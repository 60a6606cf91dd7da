/// A TCP address of this machine that no other machine can reach.
package struct LoopbackAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    /// 0 lets the system choose.
    package let port: Int

    /// Reads `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464` or a port alone.
    ///
    /// - Throws: `.notLoopback` for every other address.
    package init(_ text: String) throws(ListenerError) {
        let colon = text.lastIndex(of: ":")
        var host = colon.map { String(text[..<$0]) } ?? "127.0.0.1"
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let digits = colon.map { text[text.index(after: $0)...] } ?? text[...]
        guard let port = UInt16(digits), Self.isLoopback(host) else { throw .notLoopback(address: text) }
        self.host = host
        self.port = Int(port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether a request's `Host` names this machine itself: a page in a browser can make a foreign name point here.
    static func isOwnName(_ authority: String?) -> Bool {
        guard var host = authority?[...] else { return false }
        if host.hasPrefix("[") {
            host = host.dropFirst().prefix { $0 != "]" }
        } else if let colon = host.lastIndex(of: ":") {
            host = host[..<colon]
        }
        return isLoopback(String(host))
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
