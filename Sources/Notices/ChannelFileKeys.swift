internal import Schedules

/// The keys at the top of a channels file.
enum ChannelFileKey: String, FileKeys {
    case version, channels
}

/// The keys of one channel.
enum ChannelKey: String, FileKeys {
    case enabled, from, to, bounces, transports, limits, connections
    case replyTo = "reply_to"
}

/// The keys of `limits`.
enum ChannelLimitsKey: String, FileKeys {
    case perSecond = "per_second"
    case burst
    case perDay = "per_day"
}

/// The kinds of transports; an entry of `transports` has one of them.
enum TransportKey: String, FileKeys {
    case maildir, smtp, telegram, gateway, endpoint

    /// Which a channel takes.
    static func kinds(of channel: NoticeChannel) -> [TransportKey] {
        switch channel {
        case .email, .operator: [.smtp, .maildir]
        case .telegram: [.telegram, .maildir]
        case .sms: [.gateway, .maildir]
        case .webhook: [.endpoint, .maildir]
        }
    }
}

/// The keys of a secret.
enum ChannelSecretKey: String, FileKeys {
    case file, credential
}

/// The keys of `maildir`.
enum MaildirKey: String, FileKeys {
    case folder
}

/// The keys of `smtp`.
enum RelayKey: String, FileKeys {
    case name, host, port, tls, user, password, authorities, hello, timeout, status
}

/// The keys of `telegram`.
enum TelegramKey: String, FileKeys {
    case token, url, timeout
}

/// The keys of `gateway`.
enum GatewayKey: String, FileKeys {
    case name, url, method, headers, form, json, secrets, success, outcomes, timeout, status
    case repeatSafe = "repeat_safe"
}

/// The keys of `success`.
enum GatewaySuccessKey: String, FileKeys {
    case status, id
    case onlyIf = "only_if"
}

/// The keys of one of `outcomes`.
enum GatewayRuleKey: String, FileKeys {
    case status, words, outcome
}

/// The keys of `endpoint`.
enum EndpointKey: String, FileKeys {
    case timeout
    case allowPrivate = "allow_private"
    case allowHTTP = "allow_http"
    case disableAfter = "disable_after"
}
