package import Schedules

/// An SMS provider that is spoken to over HTTP, as the channels file describes it.
///
/// Texts may hold `{to}` (the number as it is kept), `{number}` (its digits alone), `{text}`, `{id}` (the Message-ID, our
/// reference) and `{secret.NAME}`.
package struct SMSGateway: Sendable, Equatable {
    package enum Body: Sendable, Equatable {
        /// Everything stands in the URL.
        case none
        /// `application/x-www-form-urlencoded`.
        case form([Entry])
        case json(JSONValue)
    }

    package struct Entry: Sendable, Equatable {
        package var name: String
        package var text: String

        package init(_ name: String, _ text: String) {
            self.name = name
            self.text = text
        }
    }

    /// What an answer must say for a message to be taken.
    package struct Success: Sendable, Equatable {
        package var statuses: [Int]
        /// Fields of the answer, with dots between names, and the words that each may have.
        package var conditions: [Condition]
        /// The field with the provider's own id of the message.
        package var idPath: String?

        package init(statuses: [Int] = [200, 201, 202], conditions: [Condition] = [], idPath: String? = nil) {
            self.statuses = statuses
            self.conditions = conditions
            self.idPath = idPath
        }
    }

    package struct Condition: Sendable, Equatable {
        package var path: String
        package var words: [String]

        package init(path: String, words: [String]) {
            self.path = path
            self.words = words
        }
    }

    /// What an answer that took nothing means; the first that fits counts.
    package struct Rule: Sendable, Equatable {
        package enum Outcome: String, CaseIterable, Sendable {
            case transport, configuration, soft, hard, policy, unknown
            case rateLimited = "rate_limited"
        }

        /// Nil: any.
        package var status: Int?
        /// Stands in the answer, in whatever letters; nil: any answer.
        package var words: String?
        package var outcome: Outcome

        package init(status: Int? = nil, words: String? = nil, outcome: Outcome) {
            self.status = status
            self.words = words
            self.outcome = outcome
        }
    }

    package var name: String
    package var url: String
    package var method: String
    package var headers: [Entry]
    package var body: Body
    package var secrets: [String: HiddenText]
    package var success: Success
    package var rules: [Rule]
    /// Whether the provider sends one SMS for any number of requests with the same reference.
    package var knowsRepeats: Bool
    package var timeout: Duration

    package init(
        name: String,
        url: String,
        method: String = "POST",
        headers: [Entry] = [],
        body: Body,
        secrets: [String: HiddenText] = [:],
        success: Success = Success(),
        rules: [Rule] = [],
        knowsRepeats: Bool = false,
        timeout: Duration = .seconds(30)
    ) {
        self.name = name
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.secrets = secrets
        self.success = success
        self.rules = rules
        self.knowsRepeats = knowsRepeats
        self.timeout = timeout
    }
}
