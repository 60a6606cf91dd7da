import CCurl
import Glibc

/// One request on its way: its handle, what has come back so far, and who waits for it.
///
/// Only the loop's thread touches it, so it needs no lock.
final class Transfer {
    let id: UInt64
    let request: HTTPRequest
    let handle: UnsafeMutableRawPointer
    private(set) var status = 0
    private(set) var headers: [HTTPField] = []
    private(set) var body: [UInt8] = []
    private(set) var isTooLarge = false
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var pinList: UnsafeMutablePointer<curl_slist>?

    /// Null when libcurl has no memory for a handle.
    init?(id: UInt64, request: HTTPRequest) {
        guard let handle = curl_easy_init() else { return nil }
        self.id = id
        self.request = request
        self.handle = handle
        configure()
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headerList)
        curl_slist_free_all(pinList)
    }

    private func configure() {
        setSafety()
        setPin()
        _ = ccurl_set_text(handle, CURLOPT_URL, request.url)
        _ = ccurl_set_text(handle, CURLOPT_USERAGENT, "bursar")
        let total = max(1, request.timeout.milliseconds)
        _ = ccurl_set_long(handle, CURLOPT_TIMEOUT_MS, total)
        _ = ccurl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, min(total, max(1, request.connectTimeout.milliseconds)))
        _ = ccurl_set_size(handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(request.maximumBytes))
        setMethodAndBody()
        for field in request.headers {
            // "Name;" is libcurl's way to send a field without a value.
            let line = field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)"
            headerList = curl_slist_append(headerList, line)
        }
        // No waiting for "100 Continue": our bodies are small.
        headerList = curl_slist_append(headerList, "Expect:")
        _ = ccurl_set_list(handle, CURLOPT_HTTPHEADER, headerList)
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = ccurl_set_receiver(handle, CURLOPT_HEADERFUNCTION, receiveHeader)
        _ = ccurl_set_pointer(handle, CURLOPT_HEADERDATA, me)
        _ = ccurl_set_receiver(handle, CURLOPT_WRITEFUNCTION, receiveBody)
        _ = ccurl_set_pointer(handle, CURLOPT_WRITEDATA, me)
    }

    private func setSafety() {
        _ = ccurl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = ccurl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        _ = ccurl_set_long(handle, CURLOPT_NETRC, 0)
        _ = ccurl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        if request.isSentOnce { _ = ccurl_set_long(handle, CURLOPT_FRESH_CONNECT, 1) }
        _ = ccurl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let path = request.unixSocketPath {
            _ = ccurl_set_text(handle, CURLOPT_UNIX_SOCKET_PATH, path)
            _ = ccurl_set_text(handle, CURLOPT_PROXY, "")
            _ = ccurl_set_text(handle, CURLOPT_NOPROXY, "*")
            _ = ccurl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http")
        } else {
            _ = ccurl_set_text(handle, CURLOPT_PROTOCOLS_STR, request.allowsPlainText ? "http,https" : "https")
        }
    }

    /// Not CURLOPT_RESOLVE: its names are kept for other requests, and match a host as libcurl writes it alone.
    private func setPin() {
        guard let address = request.pinnedAddress else { return }
        // HOST:PORT:ADDRESS:PORT, where an empty host or port stands for any.
        pinList = curl_slist_append(nil, address.utf8.contains(UInt8(ascii: ":")) ? "::[\(address)]:" : "::\(address):")
        _ = ccurl_set_list(handle, CURLOPT_CONNECT_TO, pinList)
        _ = ccurl_set_text(handle, CURLOPT_PROXY, "")
        _ = ccurl_set_text(handle, CURLOPT_NOPROXY, "*")
    }

    private func setMethodAndBody() {
        switch (request.method, request.body.isEmpty) {
        case ("GET", true): break
        case ("HEAD", _): _ = ccurl_set_long(handle, CURLOPT_NOBODY, 1)
        case ("POST", true), ("PUT", true), (_, false):
            _ = ccurl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
            request.body.withUnsafeBytes { bytes in
                // Copied at once; an empty array has no address, and curl then wants any text.
                _ = ccurl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress ?? UnsafeRawPointer(handle))
            }
            _ = ccurl_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method)
        default: _ = ccurl_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    fileprivate func take(header line: UnsafeRawBufferPointer) {
        var text = Substring(String(decoding: line, as: UTF8.self))
        while let last = text.utf8.last, last == 0x0D || last == 0x0A { text = text.dropLast() }
        if text.hasPrefix("HTTP/") {
            // A new head: what came before was an interim answer.
            headers = []
            return
        }
        guard let colon = text.firstIndex(of: ":") else { return }
        let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        headers.append(HTTPField(String(text[..<colon]), String(value)))
    }

    fileprivate func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= request.maximumBytes else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    /// The answer, or what libcurl's result means for the caller.
    func outcome(of result: CURLcode) -> Result<HTTPResponse, OutboundError> {
        guard result == CURLE_OK else { return .failure(failure(result)) }
        var code = 0
        _ = ccurl_get_long(handle, CURLINFO_RESPONSE_CODE, &code)
        status = code
        return .success(HTTPResponse(status: code, headers: headers, body: body))
    }

    private var reasonNotConnected: String {
        var number = 0
        _ = ccurl_get_long(handle, CURLINFO_OS_ERRNO, &number)
        let reason = number == 0 ? "no reason given" : String(cString: strerror(Int32(number)))
        return request.unixSocketPath.map { "nobody answers on \($0): \(reason)" } ?? "could not connect: \(reason)"
    }

    private func failure(_ result: CURLcode) -> OutboundError {
        // Set once the connection stands and the request is about to be sent.
        var untilSending: curl_off_t = 0
        _ = ccurl_get_size(handle, CURLINFO_PRETRANSFER_TIME_T, &untilSending)
        let code = isTooLarge ? OutboundError.Code.tooLarge : OutboundError.Code(result)
        let certain: Set<OutboundError.Code> = [.couldNotConnect, .couldNotResolve, .insecure, .invalidRequest]
        var message = String(cString: curl_easy_strerror(result))
        if isTooLarge { message = "the answer is longer than \(request.maximumBytes) bytes" }
        if result == CURLE_OPERATION_TIMEDOUT { message = "no answer within \(request.timeout)" }
        if code == .couldNotConnect { message = reasonNotConnected }
        return OutboundError(
            code: code,
            endpoint: request.endpoint,
            curlCode: Int32(bitPattern: result.rawValue),
            message: message,
            mayHaveArrived: untilSending > 0 && !certain.contains(code)
        )
    }
}

private let receiveHeader: ccurl_receiver = { bytes, size, count, context in
    guard let context else { return 0 }
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().take(header: line)
    return size * count
}

private let receiveBody: ccurl_receiver = { bytes, size, count, context in
    guard let context else { return 0 }
    let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().take(body: piece) ? size * count : 0
}

extension OutboundError.Code {
    init(_ result: CURLcode) {
        self =
            switch result {
            case CURLE_COULDNT_CONNECT: .couldNotConnect
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .couldNotResolve
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM: .insecure
            case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS: .insecure
            case CURLE_USE_SSL_FAILED: .insecure
            case CURLE_OPERATION_TIMEDOUT: .timedOut
            case CURLE_FILESIZE_EXCEEDED: .tooLarge
            case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE: .interrupted
            case CURLE_HTTP2, CURLE_HTTP2_STREAM: .interrupted
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest
            default: .failed
            }
    }
}

extension Duration {
    /// Whole milliseconds, as libcurl counts.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        let whole = Int(clamping: seconds).multipliedReportingOverflow(by: 1000)
        return whole.overflow ? .max : whole.partialValue + Int(attoseconds / 1_000_000_000_000_000)
    }
}
