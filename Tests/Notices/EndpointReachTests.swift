import Testing

@testable import Notices

@Suite("Where endpoints may lie")
struct EndpointReachTests {
    @Test(
        "Addresses that only this house reaches, or nobody, are not public",
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.2.7", "192.88.99.1",
            "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.255",
            "224.0.0.1",
            "239.255.255.255", "240.0.0.1", "255.255.255.255",
            "::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254",
            "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:1ff::1", "2001:db8::1",
            "2002:7f00:1::1", "2002:a00:1::", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fdff::1",
            "fe80::1",
            "febf::1", "fec0::1", "ff02::1", "ff0e::1", "1::1",
        ]
    )
    func refused(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach != .everybody)
    }

    @Test(
        "The addresses beside them are",
        arguments: [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
            "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.0.3.1",
            "192.167.255.255",
            "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
            "2001:200::1", "2606:4700::1111", "2a00::1", "2002:808:808::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8",
            "3ffe::1",
        ]
    )
    func everybody(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach == .everybody)
    }

    @Test("The house's own networks can be allowed; examples, groups and the provider's metadata cannot")
    func allowed() async throws {
        let all = EndpointSettings(allowsPrivate: true)
        for text in ["127.0.0.1", "10.0.0.1", "100.64.0.1", "192.168.3.4", "::1", "fd00::1", "::ffff:192.168.3.4"] {
            #expect(await Self.isLet(text, all), "\(text)")
            #expect(await !Self.isLet(text, EndpointSettings()), "\(text)")
        }
        for text in [
            "169.254.169.254", "0.0.0.0", "224.0.0.1", "203.0.113.1", "fe80::1", "::", "ff02::1", "255.255.255.255",
        ] {
            #expect(await !Self.isLet(text, all), "\(text)")
        }
    }

    /// Whether a host with this address, and another that is public, is let.
    private static func isLet(_ text: String, _ settings: EndpointSettings) async -> Bool {
        let resolver = EndpointResolver { _ in ["1.1.1.1", text].compactMap { IPAddress($0) } }
        guard let url = try? EndpointURL("https://mixed.example/", allowsPlainText: false) else { return true }
        return (try? await resolver.vetted(url, settings)) != nil
    }

    @Test(
        "The old ways to write an address lead where they lead",
        arguments: [
            "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0177.0.0.1", "127.0.0.1", "localhost", "0",
            "3232235777", "0xa9fea9fe",
        ]
    )
    func oldWays(_ host: String) async throws {
        let url = try EndpointURL("https://\(host)/hook", allowsPlainText: false)
        await #expect(throws: EndpointRefusal.self) {
            try await EndpointResolver.system.vetted(url, EndpointSettings())
        }
    }

    @Test(
        "IPv6 in brackets too",
        arguments: [
            "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:10.0.0.1]", "[fe80::1]",
            "[fd00::2]:8443",
        ]
    )
    func brackets(_ host: String) async throws {
        let url = try EndpointURL("https://\(host)/hook", allowsPlainText: false)
        let error = await #expect(throws: EndpointRefusal.self) {
            try await EndpointResolver.system.vetted(url, EndpointSettings())
        }
        #expect(error?.isOfURL == true)
    }

    @Test(
        "A URL that two readers could read in two ways is not read",
        arguments: [
            "", "https://", "https:///x", "ftp://example.com/", "http://example.com/", "javascript:alert(1)",
            "//example.com",
            "https://good.example@127.0.0.1/", "https://user:pass@example.com/", "https://example.com\\@127.0.0.1/",
            "https://example.com#@127.0.0.1/", "https://exa mple.com/", "https://example.com/\r\nHost: x",
            "https://%31%32%37.0.0.1/", "https://例え.jp/", "https://[::1/", "https://[::1]x/", "https://[127.0.0.1]/",
            "https://[fe80::1%25eth0]/", "https://example.com:99999/", "https://example.com:0/",
            "https://example.com:/",
            "https://example.com:80:80/", "HTTPS ://example.com", "https://exam%70le.com/", "https://①②⑦.0.0.1/",
        ]
    )
    func badURL(_ text: String) {
        let error = #expect(throws: EndpointRefusal.self) { try EndpointURL(text, allowsPlainText: false) }
        #expect(error?.isOfURL == true)
    }

    @Test("A host without an address is no fault of the URL")
    func nowhere() async throws {
        let url = try EndpointURL("https://nowhere.invalid/hook", allowsPlainText: false)
        let error = await #expect(throws: EndpointRefusal.self) {
            try await EndpointResolver { _ in [] }.vetted(url, EndpointSettings())
        }
        #expect(error?.isOfURL == false)
    }
}
