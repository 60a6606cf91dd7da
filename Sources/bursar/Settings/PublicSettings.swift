import Listener

/// How the public reaches this node.
struct PublicSettings: Sendable {
    /// Null: not at all.
    let address: PublicAddress?
    let proxies: TrustedProxies
    let limits: PublicLimits

    init(_ reader: inout SettingsReader) throws(CommandFailure) {
        address = try reader.publicAddress(.publicAddress)
        let header = try reader.text(.clientHeader, preset: "X-Forwarded-For")
        proxies = TrustedProxies(try reader.addressBlocks(.trustedProxies), header: header)
        var limits = PublicLimits()
        limits.connections = try reader.number(.publicConnections, preset: 1024, in: 1...20_000)
        limits.connectionsPerAddress = try reader.number(.publicConnectionsPerAddress, preset: 64, in: 1...20_000)
        let patience = Duration.milliseconds(100)...Duration.seconds(600)
        limits.headTimeout = try reader.duration(.publicHeadTimeout, preset: "10s", in: patience)
        limits.bodyTimeout = try reader.duration(.publicBodyTimeout, preset: "15s", in: patience)
        limits.idleTimeout = try reader.duration(.publicIdleTimeout, preset: "1m15s", in: patience)
        self.limits = limits
    }
}

extension SettingsReader {
    mutating func publicAddress(_ key: SettingKey) throws(CommandFailure) -> PublicAddress? {
        guard let text = try optionalText(key) else { return nil }
        guard let address = PublicAddress(text) else {
            throw unfit(key, "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080")
        }
        return address
    }

    /// Addresses and ranges, separated by commas.
    mutating func addressBlocks(_ key: SettingKey) throws(CommandFailure) -> [AddressBlock] {
        guard let text = try optionalText(key) else { return [] }
        var blocks: [AddressBlock] = []
        for part in text.split(separator: ",") {
            guard let block = AddressBlock(part.filter { $0 != " " }) else {
                throw unfit(key, "addresses or ranges with commas between them, such as 10.0.0.0/8, ::1")
            }
            blocks.append(block)
        }
        return blocks
    }
}
