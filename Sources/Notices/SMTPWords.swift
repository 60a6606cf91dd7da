import Outbound

/// What is read from, and taken out of, the words of mail servers.
enum SMTPWords {
    /// How long the relay wants to be left alone, where it limits us and says so in numbers: up to a day.
    ///
    /// Only 421 and 4.7.x can mean that; a greylist means this recipient alone.
    static func wait(in reply: SMTPReply) -> Duration? {
        let isLimit = reply.code == 421 || reply.status.map { ($0.class, $0.subject) == (4, 7) } ?? false
        let words = reply.text.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        guard isLimit, !words.contains(where: { $0.hasPrefix("greylist") || $0.hasPrefix("graylist") }) else {
            return nil
        }
        for (place, word) in words.enumerated() where place > 0 && isBeforeWait(words[place - 1]) {
            let digits = word.prefix { $0.isNumber }
            guard let number = Int(digits), number > 0, number <= 86_400 else { continue }
            let unit = digits.count < word.count ? word.dropFirst(digits.count) : words.dropFirst(place + 1).first
            guard let unit, let seconds = seconds(in: unit) else { continue }
            return .seconds(min(number * seconds, 86_400))
        }
        return nil
    }

    private static func isBeforeWait(_ word: Substring) -> Bool {
        ["in", "after", "for", "wait", "least", "about", "retry"].contains(word)
    }

    private static func seconds(in unit: Substring) -> Int? {
        switch unit {
        case "s", "sec", "secs", "second", "seconds": 1
        case "m", "min", "mins", "minute", "minutes": 60
        case "h", "hr", "hrs", "hour", "hours": 3600
        default: nil
        }
    }

    /// Whether a refusal without a status is about us: relays that filter often answer 550 and no more.
    static func speaksOfReputation(_ text: String) -> Bool {
        let text = text.lowercased()
        return [
            "spam", "blocked", "blacklist", "blocklist", "block list", "reputation", "policy", "rbl", "spf", "dkim",
            "dmarc",
            "relay", "not permitted", "authenticat",
        ].contains { text.contains($0) }
    }

    /// What the relay calls a message that it took: Postfix, Exim and OpenSMTPD say it each in their own way.
    static func queueID(_ text: String) -> String? {
        let words = text.split(separator: " ")
        if let place = words.firstIndex(of: "as"), place > 0, words[place - 1] == "queued" {
            return words.dropFirst(place + 1).first.map(String.init)
        }
        if let word = words.first(where: { $0.hasPrefix("id=") }) { return String(word.dropFirst(3)) }
        if words.dropFirst() == ["Message", "accepted", "for", "delivery"] { return words.first.map(String.init) }
        return nil
    }

    /// The words with every address replaced, and with the recipient's name before the @ where a server says only that.
    static func withoutAddresses(_ text: String, recipient: String) -> String {
        var result = ""
        var word = ""
        let name = recipient.prefix { $0 != "@" }.lowercased()
        func close() {
            let bare = word.lowercased()
            let isAddress = word.contains("@") || (bare.count > 3 && bare == name)
            result += isAddress ? "(address)" : word
            word = ""
        }
        for character in text {
            if character.isWhitespace || "<>()[]\"',;:".contains(character) {
                close()
                result.append(character.isNewline ? " " : character)
            } else {
                word.append(character)
            }
        }
        close()
        return result
    }
}
