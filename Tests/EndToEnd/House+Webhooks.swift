import COpenSSL
import Glibc
import Outbound
import TestSupport
import Testing

/// Daemons of a house that take webhooks, and senders of them.
extension House {
    /// The secret of the sources that `webhookDaemon` declares.
    static let webhookSecret = "a secret of some length"

    /// Writes the file of the webhook sources; the first is `relay`, whose posts are signed with `webhookSecret`.
    func webhookSources(_ more: String = "", rates: String = "{ per_second: 100000, burst: 100000 }") {
        write(Self.webhookSecret, to: "\(folder)/relay.key")
        write(
            """
            version: 1
            sources:
              relay:
                scheme: generic
                signature: { header: X-Signature, id_header: X-Id }
                secrets: [{ file: relay.key }]
                rates: { source: \(rates), address: \(rates) }
                payment: { md5: md5 }
            \(more)

            """,
            to: "\(folder)/webhooks.yaml"
        )
    }

    /// A daemon that takes webhooks on a port of its own, and is ready to.
    func webhookDaemon(
        _ name: String = "a",
        url: String? = nil,
        settings: [String: String] = [:]
    ) async throws -> (daemon: Daemon, sender: WebhookSender) {
        let port = try FreePort.find()
        let places = [
            "BURSAR_WEBHOOKS_SOURCES": "\(folder)/webhooks.yaml", "BURSAR_HTTP_PUBLIC_ADDRESS": "127.0.0.1:\(port)",
            // All senders of a test share one address.
            "BURSAR_HTTP_CONNECTIONS_PER_ADDRESS": "500",
        ]
        let daemon = try daemon(name, url: url, settings: places.merging(settings) { $1 })
        try await daemon.ready()
        return (daemon, WebhookSender(port: port))
    }
}

/// Posts to a daemon's public address.
struct WebhookSender: Sendable {
    let port: Int
    let client = HTTPClient()

    /// Posts a signed body.
    func post(
        _ id: String,
        _ body: String = #"{"md5":"0"}"#,
        to source: String = "relay",
        secret: String = House.webhookSecret
    ) async throws -> HTTPResponse {
        try await client.send(
            HTTPRequest(
                method: "POST",
                url: "http://127.0.0.1:\(port)/webhooks/\(source)",
                headers: [
                    HTTPField("Content-Type", "application/json"), HTTPField("X-Id", id),
                    HTTPField("X-Signature", Self.signature(body, secret)),
                ],
                body: Array(body.utf8),
                allowsPlainText: true
            )
        )
    }

    func get(_ path: String) async throws -> HTTPResponse {
        try await client.send(HTTPRequest(url: "http://127.0.0.1:\(port)\(path)", allowsPlainText: true))
    }

    private static func signature(_ body: String, _ secret: String) -> String {
        let (body, key) = (Array(body.utf8), Array(secret.utf8))
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        HMAC(EVP_sha256(), key, Int32(key.count), body, body.count, &digest, &length)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Ports for daemons of tests.
enum FreePort {
    /// One that nobody listens on now.
    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || getsockname(descriptor, $0, &length) != 0
            }
        }
        try #require(!failed)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
