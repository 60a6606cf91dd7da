import Synchronization

/// Telegram's Bot API as its pages describe it (core.telegram.org/bots/api, "Making requests", sendMessage, ResponseParameters;
/// core.telegram.org/bots/faq for its limits), with faults on demand.
final class TelegramSim: Sendable {
    /// What the next request meets.
    enum Fault: Sendable {
        case answer(ScriptedServer.Answer)
        /// 429 with so many seconds.
        case flood(Int)
    }

    private struct State {
        var faults: [Fault] = []
        var nextID = 900
        var sent: [Int] = []
    }

    static let token = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
    private let state = Mutex(State())
    /// Chats that a message goes to.
    private let chats: Set<String> = ["42", "-1001234", "@sabay"]
    private let blocked: Set<String> = ["13"]

    func meet(_ faults: Fault...) { state.withLock { $0.faults += faults } }

    /// The ids of messages that were sent.
    var sent: [Int] { state.withLock(\.sent) }

    func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        guard request.path.hasPrefix("/bot\(Self.token)/") else {
            return Self.failure(401, "Unauthorized")
        }
        let fault = state.withLock { $0.faults.isEmpty ? nil : $0.faults.removeFirst() }
        switch fault {
        case .answer(let answer): return answer
        case .flood(let seconds):
            return Self.failure(
                429,
                "Too Many Requests: retry after \(seconds)",
                ",\"parameters\":{\"retry_after\":\(seconds)}"
            )
        case nil: break
        }
        let chat = Self.chat(in: request)
        if blocked.contains(chat) { return Self.failure(403, "Forbidden: bot was blocked by the user") }
        guard chats.contains(chat) else { return Self.failure(400, "Bad Request: chat not found") }
        if request.text.contains("\"text\":\"\"") { return Self.failure(400, "Bad Request: message text is empty") }
        let id = state.withLock { state in
            state.nextID += 1
            state.sent.append(state.nextID)
            return state.nextID
        }
        return .respond(200, "{\"ok\":true,\"result\":{\"message_id\":\(id),\"date\":1772330400}}")
    }

    private static func failure(_ code: Int, _ words: String, _ more: String = "") -> ScriptedServer.Answer {
        .respond(code, "{\"ok\":false,\"error_code\":\(code),\"description\":\"\(words)\"\(more)}")
    }

    private static func chat(in request: ScriptedServer.Request) -> String {
        if let match = request.text.firstMatch(of: /"chat_id":"([^"]*)"/) { return String(match.1) }
        let photo = request.text.firstMatch(of: /name="chat_id"\r\n\r\n([^\r]*)\r\n/)
        return photo.map { String($0.1) } ?? ""
    }
}
