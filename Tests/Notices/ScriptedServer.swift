import Foundation
import Glibc
import Synchronization

/// An HTTP server for one test: it hands each request to a script, and can break every promise that a server makes.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method = ""
        var path = ""
        var headers: [String: String] = [:]
        var body: [UInt8] = []

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    enum Answer: Sendable {
        case respond(Int, String, headers: [(String, String)] = [])
        /// Takes the request and hangs up.
        case drop
        /// Takes the request and says nothing until the server ends.
        case hang
    }

    private struct State {
        var requests: [Request] = []
        var open: Set<Int32> = []
        var isOver = false
    }

    let port: UInt16
    private let listening: Int32
    private let state = Mutex(State())
    private let script: @Sendable (Request) -> Answer

    /// Every request that came in whole.
    var requests: [Request] { state.withLock(\.requests) }
    var url: String { "http://127.0.0.1:\(port)" }

    /// Serves while the body runs.
    static func with<Value>(
        address: String = "127.0.0.1",
        _ script: @escaping @Sendable (Request) -> Answer,
        _ body: (ScriptedServer) async throws -> Value
    ) async throws -> Value {
        let server = try ScriptedServer(address: address, script)
        defer { server.end() }
        return try await body(server)
    }

    private init(address: String, _ script: @escaping @Sendable (Request) -> Answer) throws {
        self.script = script
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, address, &place.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listening, pointer, length) == 0 && listen(listening, 64) == 0
                    && getsockname(listening, pointer, &length) == 0
            }
        }
        self.listening = listening
        guard bound else { throw Failure(what: "no socket: \(errno)") }
        port = UInt16(bigEndian: place.sin_port)
        // A thread each: a queue would make the hanging ones keep others waiting.
        Thread.detachNewThread { self.accept() }
    }

    struct Failure: Error {
        let what: String
    }

    private func accept() {
        defer { close(listening) }
        while true {
            let connection = Glibc.accept(listening, nil, nil)
            guard connection >= 0 else { return }
            let isOver = state.withLock { state in
                if !state.isOver { state.open.insert(connection) }
                return state.isOver
            }
            if isOver {
                close(connection)
                return
            }
            Thread.detachNewThread { self.serve(connection) }
        }
    }

    private func serve(_ connection: Int32) {
        defer {
            state.withLock { _ = $0.open.remove(connection) }
            close(connection)
        }
        while let request = read(connection) {
            state.withLock { $0.requests.append(request) }
            switch script(request) {
            case .respond(let status, let body, let headers):
                var lines = ["HTTP/1.1 \(status) Scripted", "Content-Length: \(body.utf8.count)"]
                lines += headers.map { "\($0.0): \($0.1)" }
                let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
                _ = Array(text.utf8).withUnsafeBytes {
                    send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
            case .drop: return
            case .hang:
                var byte: UInt8 = 0
                _ = recv(connection, &byte, 1, 0)
                return
            }
        }
    }

    private func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        func more() -> Bool {
            var piece = [UInt8](repeating: 0, count: 65_536)
            let count = recv(connection, &piece, piece.count, 0)
            if count > 0 { bytes += piece[..<count] }
            return count > 0
        }
        var head: Range<Int>?
        while head == nil {
            guard more() else { return nil }
            head = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        }
        guard let head else { return nil }
        let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
        var request = Request()
        let first = (lines.first ?? "").split(separator: " ")
        guard first.count == 3 else { return nil }
        (request.method, request.path) = (String(first[0]), String(first[1]))
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            request.headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        let length = Int(request.headers["content-length"] ?? "0") ?? 0
        while bytes.count < head.upperBound + length { guard more() else { return nil } }
        request.body = Array(bytes[head.upperBound..<head.upperBound + length])
        return request
    }

    /// Wakes every thread; each closes what is its own, since a number that is closed here may be another server's by then.
    private func end() {
        state.withLock { state in
            state.isOver = true
            for connection in state.open { shutdown(connection, Int32(SHUT_RDWR)) }
        }
        shutdown(listening, Int32(SHUT_RDWR))
    }
}
