import CCurl
import Glibc

/// A connection to a relay that libcurl has made and that we speak over; one lane's thread alone touches it.
final class SMTPConnection {
    let relay: SMTPRelay
    let multi: UnsafeMutableRawPointer
    let handle: UnsafeMutableRawPointer
    let witness = SMTPWitness()
    private(set) var socket: curl_socket_t = -1
    /// Read, and not yet part of a reply.
    var unread: [UInt8] = []
    /// What has to happen before the next message.
    var standing = Standing.ready
    private let words = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    enum Standing {
        case ready
        /// A transaction was begun and not ended.
        case needsReset
        case broken
    }

    /// Null when libcurl has no memory for a handle.
    init?(_ relay: SMTPRelay, _ multi: UnsafeMutableRawPointer) {
        guard let handle = curl_easy_init() else {
            words.deallocate()
            return nil
        }
        self.relay = relay
        self.multi = multi
        self.handle = handle
        words.initialize(repeating: 0)
        configure()
    }

    /// Without a word to the relay: taking a handle out of its multi that has made a connection only closes it.
    deinit {
        curl_multi_remove_handle(multi, handle)
        curl_easy_cleanup(handle)
        words.deallocate()
    }

    private func configure() {
        let scheme = relay.security == .tls ? "smtps" : "smtp"
        _ = ccurl_set_text(handle, CURLOPT_URL, "\(scheme)://\(relay.hostInURL):\(relay.port)/\(helloInURL)")
        _ = ccurl_set_text(handle, CURLOPT_PROTOCOLS_STR, scheme)
        _ = ccurl_set_text(handle, CURLOPT_PROXY, "")
        _ = ccurl_set_long(handle, CURLOPT_CONNECT_ONLY, 1)
        _ = ccurl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = ccurl_set_long(handle, CURLOPT_NETRC, 0)
        _ = ccurl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        _ = ccurl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, max(1, relay.connectTimeout.milliseconds))
        _ = ccurl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        _ = ccurl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
        _ = ccurl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
        if relay.security != .none { _ = ccurl_set_long(handle, CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue)) }
        if let authorities = relay.authorities { _ = ccurl_set_text(handle, CURLOPT_CAINFO, authorities) }
        if let credentials = relay.credentials {
            _ = ccurl_set_text(handle, CURLOPT_USERNAME, credentials.user)
            _ = ccurl_set_text(handle, CURLOPT_PASSWORD, credentials.password)
            // What else libcurl knows (Kerberos, NTLM) it would try first, and some names of users look like that.
            _ = ccurl_set_text(handle, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5")
            _ = ccurl_set_long(handle, CURLOPT_SASL_IR, 1)
        }
        _ = ccurl_set_long(handle, CURLOPT_VERBOSE, 1)
        _ = ccurl_set_witness(handle, CURLOPT_DEBUGFUNCTION, tellWitness)
        _ = ccurl_set_pointer(handle, CURLOPT_DEBUGDATA, Unmanaged.passUnretained(witness).toOpaque())
        _ = ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, words.baseAddress)
    }

    private var helloInURL: String {
        relay.helloName.replacing("[", with: "%5B").replacing("]", with: "%5D").replacing(":", with: "%3A")
    }

    /// Makes the connection: name, TCP, TLS, greeting, authentication; nil when it stands.
    func open(_ isInterrupted: () -> OutboundError.Code?) -> SMTPOutcome? {
        guard curl_multi_add_handle(multi, handle) == CURLM_OK else {
            return failed(.connect, .failed, "libcurl takes no connection")
        }
        while true {
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            if let result = ended() { return judge(result) }
            if let code = isInterrupted() { return failed(.connect, code, SMTPDesk.words(code)) }
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
    }

    private func ended() -> CURLcode? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE, message.pointee.easy_handle == handle {
                return ccurl_message_result(message)
            }
        }
        return nil
    }

    private func judge(_ result: CURLcode) -> SMTPOutcome? {
        if result == CURLE_OK {
            _ = ccurl_get_socket(handle, CURLINFO_ACTIVESOCKET, &socket)
            if socket < 0 { return failed(.connect, .failed, "libcurl has no connection") }
            if relay.credentials != nil, !witness.isAuthenticated {
                // libcurl goes on without; the relay would then refuse us, or take us for somebody else.
                return failed(.auth, .failed, "the relay offers no authentication, and we are to authenticate")
            }
            return nil
        }
        let phase = phase(of: result)
        let isReply =
            result == CURLE_LOGIN_DENIED || result == CURLE_WEIRD_SERVER_REPLY
            || result == CURLE_REMOTE_ACCESS_DENIED || (result == CURLE_USE_SSL_FAILED && witness.phase == .tls)
        if isReply, let reply = witness.reply, !reply.isPositive, !reply.isIntermediate {
            return SMTPOutcome(phase, .refused(reply))
        }
        var message = String(cString: curl_easy_strerror(result))
        if let first = words.baseAddress, first.pointee != 0 { message = String(cString: first) }
        if result == CURLE_OPERATION_TIMEDOUT { message = "no connection within \(relay.connectTimeout)" }
        let code = OutboundError.Code(result)
        let number = Int32(bitPattern: result.rawValue)
        return SMTPOutcome(
            phase,
            .failed(OutboundError(relay, code, message, curl: number, mayHaveArrived: false))
        )
    }

    private func phase(of result: CURLcode) -> SMTPOutcome.Phase {
        switch OutboundError.Code(result) {
        case .couldNotConnect, .couldNotResolve: return .connect
        case .insecure: return .tls
        default: break
        }
        if result == CURLE_LOGIN_DENIED { return .auth }
        var connected: curl_off_t = 0
        var secured: curl_off_t = 0
        _ = ccurl_get_size(handle, CURLINFO_CONNECT_TIME_T, &connected)
        _ = ccurl_get_size(handle, CURLINFO_APPCONNECT_TIME_T, &secured)
        if connected == 0 { return .connect }
        if relay.security == .tls, secured == 0 { return .tls }
        return witness.phase
    }

    func failed(
        _ phase: SMTPOutcome.Phase,
        _ code: OutboundError.Code,
        _ message: String,
        mayHaveArrived: Bool = false
    ) -> SMTPOutcome {
        SMTPOutcome(phase, .failed(OutboundError(relay, code, message, mayHaveArrived: mayHaveArrived)))
    }
}
