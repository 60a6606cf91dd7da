/// The house's own mailbox: what goes to the operator goes by whatever carries it, to the configured address.
package struct OperatorTransport: Transport {
    private let carrier: any Transport
    private let address: String

    package init(_ carrier: any Transport, address: String) {
        self.carrier = carrier
        self.address = address
    }

    package var name: String { carrier.name }
    package var knowsRepeats: Bool { carrier.knowsRepeats }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        await carrier.send(
            OutgoingMessage(
                messageID: message.messageID,
                channel: message.channel,
                recipient: address,
                recipientName: message.recipientName,
                content: message.content,
                date: message.date,
                facts: message.facts,
                category: message.category
            )
        )
    }
}
