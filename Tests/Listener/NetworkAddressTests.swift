import Listener
import Testing

@Suite("Addresses of senders")
struct NetworkAddressTests {
    @Test(
        "A range holds the addresses that share its first bits",
        arguments: [
            ("10.0.0.0/8", "10.200.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.7", true), ("203.0.113.7", "203.0.113.8", false),
            ("2001:db8::/32", "2001:db8:1::1", true), ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::/0", "2001:db8::1", true), ("0.0.0.0/0", "2001:db8::1", false),
        ]
    )
    func ranges(_ block: String, _ address: String, _ isInside: Bool) throws {
        let block = try #require(AddressBlock(block))
        #expect(block.contains(try #require(NetworkAddress(address))) == isInside)
    }

    @Test(
        "What is no address or range is none",
        arguments: ["", "10.0.0.0/33", "10.0.0", "host", "1.2.3.4/", "::/129"]
    )
    func nonsense(_ text: String) {
        #expect(AddressBlock(text) == nil)
    }

    @Test(
        "A listening address is an IP address and a port",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1:8080"), ("[::]:8080", "[::]:8080"), ("::1:80", nil), ("localhost:80", nil),
            ("127.0.0.1", nil), ("127.0.0.1:70000", nil),
        ] as [(String, String?)]
    )
    func listening(_ text: String, _ read: String?) {
        #expect(PublicAddress(text)?.description == read)
    }

    @Test(
        "The header counts only from a trusted proxy, and only up to the first address that is not trusted",
        arguments: [
            // The peer, the header, whom the request comes from.
            ("203.0.113.7", "198.51.100.1", "203.0.113.7"), ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"), ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"), ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
            ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"), ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ]
    )
    func proxies(_ peer: String, _ header: String, _ client: String) throws {
        let proxies = TrustedProxies([try #require(AddressBlock("10.0.0.0/8"))])
        let headers = header.isEmpty ? [] : [(name: "x-Forwarded-FOR", value: header)]
        #expect("\(proxies.client(of: try #require(NetworkAddress(peer)), headers))" == client)
    }

    @Test("Several headers are one list, the last of them standing last")
    func severalHeaders() throws {
        let proxies = TrustedProxies([try #require(AddressBlock("10.0.0.0/8"))])
        let headers = [(name: "X-Forwarded-For", value: "6.6.6.6"), (name: "X-Forwarded-For", value: "198.51.100.1")]
        #expect("\(proxies.client(of: try #require(NetworkAddress("10.0.0.1")), headers))" == "198.51.100.1")
    }

    @Test("A customer with a whole network of version 6 is one sender")
    func sender() throws {
        let (first, second) = (NetworkAddress("2001:db8:1:2::1"), NetworkAddress("2001:db8:1:2:ffff::9"))
        #expect(first?.sender == second?.sender && first?.sender != NetworkAddress("2001:db8:1:3::1")?.sender)
        #expect(NetworkAddress("10.0.0.1")?.sender != NetworkAddress("10.0.0.2")?.sender)
    }
}
