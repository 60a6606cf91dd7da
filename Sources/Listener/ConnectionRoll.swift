import NIOCore
import Synchronization

/// The public connections that are open: how many, of whom, and whom to tell when the listener ends.
final class ConnectionRoll: Sendable {
    /// Why a connection is not let in.
    enum Refusal: String {
        case full, addressFull = "address_full", ending
    }

    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var byAddress: [NetworkAddress: Int] = [:]
        var isEnding = false
    }

    private let state = Mutex(State())
    private let limits: PublicLimits

    init(_ limits: PublicLimits) { self.limits = limits }

    /// Lets a connection in, or says why not; `counts` is false for proxies of one's own.
    func enter(_ channel: any Channel, of address: NetworkAddress, counts: Bool) -> Refusal? {
        state.withLock { state in
            if state.isEnding { return .ending }
            if state.channels.count >= limits.connections { return .full }
            if counts {
                let sender = address.sender
                let already = state.byAddress[sender, default: 0]
                if already >= limits.connectionsPerAddress { return .addressFull }
                state.byAddress[sender] = already + 1
            }
            state.channels[ObjectIdentifier(channel)] = channel
            return nil
        }
    }

    func leave(_ channel: any Channel, of address: NetworkAddress, counts: Bool) {
        state.withLock { state in
            guard state.channels.removeValue(forKey: ObjectIdentifier(channel)) != nil, counts else { return }
            let sender = address.sender
            let left = state.byAddress[sender, default: 1] - 1
            state.byAddress[sender] = left > 0 ? left : nil
        }
    }

    var count: Int { state.withLock { $0.channels.count } }

    /// Lets nobody in any more, and answers who is there.
    func end() -> [any Channel] {
        state.withLock { state in
            state.isEnding = true
            return Array(state.channels.values)
        }
    }
}
