internal import Schedules
internal import Yams

/// What a provider's posts about messages mean.
extension ChannelReader {
    /// Reads the `status` of a transport.
    mutating func readStatus(_ node: Node, of transport: String) {
        yaml.report(node, "this program does not read the status posts of \(transport)", remedy: "leave status out")
    }
}
