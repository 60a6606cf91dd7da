import CLinux
import Dispatch
import Glibc
import NIOCore
import Synchronization

/// Asks the kernel who is at the other end of a connection.
///
/// The answer dates from the moment the peer connected, and cannot be forged by it.
enum PeerCredentials {
    /// Null for a connection that is not a unix socket.
    static func actor(of channel: any Channel) async -> OperatorActor? {
        guard let options = channel as? any SocketOptionProvider else { return nil }
        let asked: EventLoopFuture<clinux_peer_credentials> = options.unsafeGetSocketOption(
            level: NIOBSDSocket.OptionLevel(rawValue: SOL_SOCKET),
            name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        )
        // A TCP socket answers too, with a process and user that do not exist.
        guard let credentials = try? await asked.get(), credentials.pid > 0, credentials.uid != .max else { return nil }
        return OperatorActor(uid: credentials.uid, name: await AccountNames.shared.name(of: credentials.uid))
    }
}

/// Names of accounts, asked once each: the directory behind them may be a slow network service, so the question is put
/// on a thread outside the cooperative pool.
private final class AccountNames: Sendable {
    static let shared = AccountNames()

    private let known = Mutex<[UInt32: String]>([:])

    func name(of uid: UInt32) async -> String {
        if let name = known.withLock({ $0[uid] }) { return name }
        let found = await withCheckedContinuation { waiter in
            DispatchQueue.global().async { waiter.resume(returning: Self.lookUp(uid)) }
        }
        let name = found ?? "\(uid)"
        known.withLock { $0[uid] = name }
        return name
    }

    private static func lookUp(_ uid: UInt32) -> String? {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &result) == 0, result != nil else { return nil }
        return entry.pw_name.map { String(cString: $0) }
    }
}
