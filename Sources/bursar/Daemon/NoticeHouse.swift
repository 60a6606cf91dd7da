import Logging
import Notices
import Outbound
import Postgres
import Standing
import Synchronization

/// Everything that this node says notices with: policies, channels, templates, the key of links, the journal.
///
/// Each part is read at start and on reload, and an error in one leaves what was in force.
final class NoticeHouse: Sendable {
    let policies: PolicyKeeper
    let channels: ChannelKeeper
    let templates: TemplateKeeper
    private let key: ReturnKey?
    private let publicURL: String?
    private let journal: SendJournal?

    /// - Throws: `CommandFailure` where the key's file cannot be used.
    init(_ settings: Settings, database: PostgresPool, logger: Logger) throws {
        key = try settings.returns.key()
        publicURL = settings.returns.publicURL
        policies = PolicyKeeper(folder: settings.noticePolicies, logger: logger)
        templates = TemplateKeeper(folder: settings.noticeTemplates, logger: logger)
        channels = ChannelKeeper(
            file: settings.noticeChannels,
            folder: settings.noticeFolder,
            parts: .shipped(key: key, endpoints: StoredEndpoints(database: database)),
            logger: logger
        )
        journal = Self.journal(settings.noticeFolder, logger)
    }

    /// How the status posts of transports are read.
    var statuses: [String: StatusMapping] { channels.desk?.book.statuses ?? [:] }

    /// Reads all of them; one that has an error is told, and the others count.
    func load() -> [any Error] {
        var errors: [any Error] = []
        do throws(PolicyProblems) { try policies.load() } catch { errors.append(error) }
        do throws(ChannelProblems) { try channels.load() } catch { errors.append(error) }
        do throws(TemplateProblems) { try templates.load() } catch { errors.append(error) }
        return errors
    }

    /// What planning works by; nil while the policy files have had an error since the start.
    var plans: [DunningPlan]? {
        guard let policies = policies.policies else { return nil }
        let own = policies.overrides.sorted { $0.key < $1.key }
        return [DunningPlan(policies.standard, exceptTenants: own.map(\.key))]
            + own.map { DunningPlan($0.value, onlyTenants: [$0.key]) }
    }

    /// By which rules subscriptions are suspended; without policies nobody is.
    var standingRules: StandingRules { policies.policies.map(StandingRules.init) ?? StandingRules() }

    /// What delivery works with; nil while policies or channels cannot be used.
    var delivery: DeliveryHouse? {
        guard let policies = policies.policies, let desk = channels.desk else { return nil }
        let book = templates.book
        let (key, publicURL) = (key, publicURL)
        return DeliveryHouse(
            desk: desk,
            rules: { DeliveryRules(policies.policy(of: $0.tenantRef)) },
            render: { message, facts in
                try book.render(
                    category: message.category,
                    template: message.template,
                    channel: message.channel,
                    tenant: message.first.tenantRef,
                    locale: message.first.locale,
                    facts: facts
                )
            },
            unsubscribe: { message in
                guard let key, let publicURL else { return nil }
                return UnsubscribeToken(tenant: message.tenant, channel: message.channel.rawValue)
                    .url(base: publicURL, key: key)
            },
            journal: journal,
            reports: DeliveryReports(key: key, mappings: { self.statuses })
        )
    }

    /// Without a journal notices go all the same: it only matters on the day of a restore.
    private static func journal(_ folder: String, _ logger: Logger) -> SendJournal? {
        do {
            return try SendJournal(folder: folder)
        } catch {
            logger.error("the journal of notices cannot be kept", metadata: ["problem": "\(error)"])
            return nil
        }
    }
}

/// The templates of this node: the shipped ones, and those of a folder where one is configured.
final class TemplateKeeper: Sendable {
    private struct State {
        var book: TemplateBook
        var problem: String?
    }

    let folder: String?
    private let logger: Logger
    private let state: Mutex<State>

    init(folder: String?, logger: Logger) {
        self.folder = folder
        self.logger = logger
        state = Mutex(State(book: TemplateBook.loadUsable(folder: nil).book))
    }

    /// Those in force.
    var book: TemplateBook { state.withLock { $0.book } }

    /// Why the folder is not what is in force; nil where it is.
    var problem: String? { state.withLock { $0.problem } }

    /// Reads the folder.
    ///
    /// Templates with an error are left out, and the house's own stand in for them.
    ///
    /// - Throws: every problem of the folder.
    func load() throws(TemplateProblems) {
        let (book, problems) = TemplateBook.loadUsable(folder: folder)
        let told = problems.isEmpty ? nil : TemplateProblems(problems)
        state.withLock { $0 = State(book: book, problem: told?.description) }
        if let told { throw told }
        logger.info("templates in force", metadata: ["folder": "\(folder ?? "none, the shipped ones")"])
    }
}

extension StandingRules {
    /// The rules of suspension that dunning policies name.
    init(_ policies: NoticePolicies) {
        self.init(
            house: SuspensionRules(policies.standard),
            tenants: policies.overrides.mapValues { SuspensionRules($0) }
        )
    }
}

extension DeliveryRules {
    /// What a policy says of when its payers are written to.
    init(_ policy: DunningPolicy) {
        self.init(quiet: policy.quiet, calendar: policy.calendar, freshness: policy.freshness)
    }
}

extension ChannelParts {
    /// What the transports of this program are made of.
    static func shipped(key: ReturnKey?, endpoints: (any EndpointLedger)?) -> ChannelParts {
        ChannelParts(
            smtp: { plan, mail, connections in
                SMTPTransport(
                    name: "smtp:\(plan.name)",
                    relay: SMTPRelay(plan, connections: connections),
                    envelopeSender: { message in
                        let address = mail.sender.address
                        guard let key, message.number > 0, let domain = mail.bounceDomain else { return address }
                        let token = BounceToken.make(message: message.number, key: key)
                        return SMTPTransport.bounceAddress(token: token, domain: domain)
                    },
                    compose: { message in
                        do throws(MailError) {
                            return .success(try MailMessage(message, from: mail).bytes())
                        } catch {
                            return .failure(SMTPTransport.NotComposed("\(error)", verdict: .hard))
                        }
                    }
                )
            },
            compose: { message, mail in try MailMessage(message, from: mail).bytes() },
            endpoints: endpoints
        )
    }
}

extension MailMessage {
    /// A message from whom the channels file names.
    init(_ message: OutgoingMessage, from mail: ChannelBook.MailIdentity) {
        self.init(from: mail.sender, replyTo: mail.replyTo, message: message)
    }
}

extension SMTPRelay {
    /// The relay that a channels file names.
    init(_ plan: RelayPlan, connections: Int) {
        let security: Security =
            switch plan.security {
            case .starttls: .starttls
            case .tls: .tls
            case .none: .none
            }
        self.init(
            host: plan.host,
            port: plan.port,
            security: security,
            credentials: plan.user.map { Credentials(user: $0, password: plan.password?.revealed ?? "") },
            helloName: plan.hello ?? Settings.hostName,
            authorities: plan.authorities,
            timeout: plan.timeout,
            connections: connections
        )
    }
}
