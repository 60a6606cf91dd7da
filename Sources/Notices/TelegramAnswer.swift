internal import Outbound

/// An answer of the Bot API: `{"ok": true, "result": {…}}`, or `{"ok": false, "error_code": …, "description": …}`.
struct TelegramAnswer {
    let outcome: SendOutcome

    init(_ response: HTTPResponse) {
        let json = AnswerJSON(response.body)
        let words = json["description"].word ?? ""
        var outcome = SendOutcome(Self.verdict(response, json, words), phase: "answer", code: response.status)
        outcome.reply = SendOutcome.trimmed(words)
        if outcome.verdict == .accepted { outcome.providerID = json["result.message_id"].word }
        if outcome.verdict == .unknown { outcome.reply = "Telegram's answer cannot be read" }
        self.outcome = outcome
    }

    private static func verdict(_ response: HTTPResponse, _ json: AnswerJSON, _ words: String) -> SendOutcome.Verdict {
        switch response.status {
        case 200: return json["ok"].word == "true" ? .accepted : .unknown
        case 429:
            // Exactly what it says; where it says nothing, its header, or a while.
            if let seconds = json["parameters.retry_after"].whole, seconds >= 0 {
                return .rateLimited(.seconds(seconds))
            }
            return .rateLimited(response.retryAfter ?? .seconds(30))
        // A token that is not known is answered as a path that is not known.
        case 401, 404: return .configuration
        case 403: return .hard
        case 400: return isOfTheChat(words) ? .hard : .soft
        case 500...599: return .transport
        default: return .soft
        }
    }

    /// The words by which Telegram says that a chat cannot be written to; everything else that it calls a bad request is about
    /// this one message.
    private static func isOfTheChat(_ words: String) -> Bool {
        let words = words.lowercased()
        return [
            "chat not found", "user not found", "peer_id_invalid", "user is deactivated", "chat was deleted",
            "upgraded to a supergroup", "not enough rights", "have no rights", "chat_write_forbidden",
        ].contains { words.contains($0) }
    }
}
