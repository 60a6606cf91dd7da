import CCurl
import Glibc
import Synchronization

/// The one thread on which libcurl runs: `curl_multi_poll` waits for all transfers at once, `curl_multi_wakeup` calls it.
///
/// `@unchecked Sendable`, and the rule that guards it: other threads touch `inbox` under its lock, and the multi handle
/// only through `curl_multi_wakeup` while that lock is held and `isOver` is false; everything else belongs to the thread.
final class TransferLoop: @unchecked Sendable {
    private typealias Waiter = CheckedContinuation<Result<HTTPResponse, OutboundError>, Never>

    private struct Inbox {
        var starts: [(id: UInt64, request: HTTPRequest, waiter: Waiter)] = []
        var cancellations: [UInt64] = []
        var nextID: UInt64 = 0
        var isOver = false
    }

    private let inbox = Mutex(Inbox())
    private let multi: UnsafeMutableRawPointer
    private var transfers: [UInt64: (transfer: Transfer, waiter: Waiter)] = [:]
    private var ids: [UnsafeMutableRawPointer: UInt64] = [:]

    /// libcurl's own set-up, which must happen once a process.
    static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Starts the thread; null when the system gives neither a thread nor a handle.
    init?() {
        guard Self.isReady, let multi = curl_multi_init() else { return nil }
        self.multi = multi
        _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 16)
        let me = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            me.toOpaque()
        )
        guard result == 0 else {
            me.release()
            return nil
        }
        pthread_detach(thread)
    }

    /// Hands a request to the thread and waits for its end; a cancelled task takes it back.
    func perform(_ request: HTTPRequest) async -> Result<HTTPResponse, OutboundError> {
        let id = inbox.withLock { inbox in
            inbox.nextID += 1
            return inbox.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = inbox.withLock { inbox in
                    if inbox.isOver { return true }
                    inbox.starts.append((id, request, waiter))
                    // Cancelled before it began: the handler below ran first, and the thread may have seen its word
                    // when there was nothing to cancel yet.
                    if Task.isCancelled { inbox.cancellations.append(id) }
                    curl_multi_wakeup(multi)
                    return false
                }
                if isOver { waiter.resume(returning: .failure(.closed(request))) }
            }
        } onCancel: {
            inbox.withLock { inbox in
                guard !inbox.isOver else { return }
                inbox.cancellations.append(id)
                curl_multi_wakeup(multi)
            }
        }
    }

    func stop() {
        inbox.withLock { inbox in
            guard !inbox.isOver else { return }
            inbox.isOver = true
            curl_multi_wakeup(multi)
        }
    }

    private func run() {
        Self.blockPipeSignal()
        while takeInbox() {
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            finishTransfers()
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        for (_, entry) in transfers {
            curl_multi_remove_handle(multi, entry.transfer.handle)
            entry.waiter.resume(returning: .failure(.closed(entry.transfer.request)))
        }
        transfers = [:]
        curl_multi_cleanup(multi)
    }

    /// A peer that hangs up during a TLS write must not kill the process.
    static func blockPipeSignal() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Starts and cancels what was asked for; false once the loop is over.
    private func takeInbox() -> Bool {
        var taken = Inbox()
        inbox.withLock { inbox in
            taken = inbox
            inbox.starts = []
            inbox.cancellations = []
        }
        for start in taken.starts { begin(start.id, start.request, start.waiter) }
        for id in taken.cancellations { cancel(id) }
        return !taken.isOver
    }

    private func begin(_ id: UInt64, _ request: HTTPRequest, _ waiter: Waiter) {
        guard let transfer = Transfer(id: id, request: request) else {
            let error = OutboundError(
                code: .failed,
                endpoint: request.endpoint,
                message: "libcurl has no memory for a request",
                mayHaveArrived: false
            )
            waiter.resume(returning: .failure(error))
            return
        }
        transfers[id] = (transfer, waiter)
        ids[transfer.handle] = id
        curl_multi_add_handle(multi, transfer.handle)
    }

    private func cancel(_ id: UInt64) {
        guard let entry = remove(id) else { return }
        let error = OutboundError(
            code: .cancelled,
            endpoint: entry.transfer.request.endpoint,
            message: "the task was cancelled",
            mayHaveArrived: true
        )
        entry.waiter.resume(returning: .failure(error))
    }

    private func finishTransfers() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let result = ccurl_message_result(message)
            guard let id = ids[handle], let entry = remove(id) else { continue }
            entry.waiter.resume(returning: entry.transfer.outcome(of: result))
        }
    }

    private func remove(_ id: UInt64) -> (transfer: Transfer, waiter: Waiter)? {
        guard let entry = transfers.removeValue(forKey: id) else { return nil }
        ids[entry.transfer.handle] = nil
        curl_multi_remove_handle(multi, entry.transfer.handle)
        return entry
    }
}
