import CivilTime
import Logging
import Notices
import Schedules
import Synchronization

/// The dunning policies of this node: read at start and on reload, put in force together or not at all.
final class PolicyKeeper: Sendable {
    /// What the last reading came to.
    struct Standing: Sendable {
        /// Those in force; nil where the files had an error from the start: then nobody is reminded.
        var policies: NoticePolicies?
        /// Why the files here are not what is in force; nil where they are.
        var problem: String?
        /// What somebody should look at before it is too late.
        var warnings: [String] = []
    }

    let folder: String
    private let logger: Logger
    private let state = Mutex(Standing())

    init(folder: String, logger: Logger) {
        self.folder = folder
        self.logger = logger
    }

    var standing: Standing { state.withLock { $0 } }

    /// The policies in force, for the jobs.
    var policies: NoticePolicies? { state.withLock { $0.policies } }

    /// Reads the folder and puts it in force; what is wrong stays visible, and nothing changes.
    ///
    /// - Throws: every problem of the files.
    func load() throws(PolicyProblems) {
        do {
            // The day only decides about warnings.
            let read = try PolicyFiles.read(folder: folder, today: Zone.utc.localDate(at: .now))
            let warnings = read.warnings.map(\.description)
            state.withLock { $0 = Standing(policies: read.policies, warnings: warnings) }
            for warning in warnings { logger.warning("\(warning)") }
            logger.info(
                "dunning policies in force",
                metadata: [
                    "folder": "\(read.files.isEmpty ? "none, the built-in policy" : folder)",
                    "version": "\(read.policies.standard.version)", "policies": "\(read.policies.all.count)",
                ]
            )
        } catch {
            state.withLock { $0.problem = "\(error)" }
            throw error
        }
    }
}

/// The policies' part of `/status`.
struct PolicyStanding: Encodable {
    private let folder: String
    private let problem: String?
    private let warnings: [String]
    /// Of the policy for all.
    private let version: String?
    private let calendar: String?
    private let calendarUntil: String?
    private let suspends: Bool?
    /// Tenants that have a policy of their own.
    private let tenants: Int?

    init(_ keeper: PolicyKeeper) {
        let standing = keeper.standing
        let policies = standing.policies
        folder = keeper.folder
        (problem, warnings) = (standing.problem, standing.warnings)
        version = policies?.standard.version
        calendar = policies?.standard.calendar.name
        calendarUntil = policies.map { "\($0.standard.calendar.until)" }
        suspends = policies?.standard.suspends
        tenants = policies?.overrides.count
    }
}
