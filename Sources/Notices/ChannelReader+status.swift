internal import Yams

/// What a provider's posts about messages mean.
extension ChannelReader {
    /// Reads the `status` of a transport.
    mutating func readStatus(_ node: Node, of transport: String) {
        if let mapping = StatusMapping(node, of: transport, with: &yaml) { statuses[transport] = mapping }
    }
}
