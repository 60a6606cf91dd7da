import JobKit
import Logging
import Notices
import Postgres
import Synchronization

/// The channels of this node: read at start and on reload, put in force together or not at all.
final class ChannelKeeper: Sendable {
    /// What the last reading came to.
    struct Standing: Sendable {
        /// Those in force.
        var desk: ChannelDesk?
        /// Why the file here is not what is in force; nil where it is.
        var problem: String?
    }

    /// Null where none is configured: everything goes into maildirs.
    let file: String?
    /// Where maildirs lie that say no folder of their own.
    let folder: String
    private let parts: ChannelParts
    private let logger: Logger
    private let state = Mutex(Standing())

    init(file: String?, folder: String, parts: ChannelParts, logger: Logger) {
        self.file = file
        self.folder = folder
        self.parts = parts
        self.logger = logger
        if file == nil { use(ChannelBook.standard(folder: folder)) }
    }

    var standing: Standing { state.withLock { $0 } }

    /// The channels in force; nil where the file could not be read since this node was started.
    var desk: ChannelDesk? { state.withLock { $0.desk } }

    /// Reads the file and its secrets, and puts them in force; what is wrong stays visible, and nothing changes.
    ///
    /// - Throws: every problem of the file.
    func load() throws(ChannelProblems) {
        guard let file else { return }
        do {
            let book = try ChannelBook.load(file, folder: folder)
            use(book)
            let names = NoticeChannel.allCases.filter { book[$0]?.isEnabled == true }.map(\.rawValue)
            logger.info(
                "channels in force",
                metadata: ["file": "\(file)", "channels": "\(names.joined(separator: " "))"]
            )
        } catch {
            state.withLock { $0.problem = "\(error)" }
            throw error
        }
    }

    /// Puts the configured rates in force, for all nodes; where that fails the next reload tells them.
    ///
    /// Where nothing is configured nothing leaves this machine, and there is nobody to be careful with.
    func tellLimits(_ database: PostgresPool, actor: String) async {
        guard file != nil, let desk else { return }
        do {
            try await desk.tellLimits(in: CallsOutsideRuns(database: database, actor: actor, logger: logger))
        } catch {
            logger.notice("the limits of the channels were not told", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps the alarms about channels and endpoints true.
    func tellAlarms(_ database: PostgresPool) async {
        do {
            try await desk?.tellAlarms(in: database)
            try await EndpointAlarms.settle(in: database)
        } catch {
            logger.notice("the alarms of the channels were not told", metadata: ["error": "\(error)"])
        }
    }

    private func use(_ book: ChannelBook) {
        let desk = ChannelDesk(book, parts)
        state.withLock { $0 = Standing(desk: desk) }
    }
}

/// The channels' part of `/status`.
struct ChannelsStanding: Encodable {
    private let file: String?
    private let folder: String
    private let problem: String?
    private let channels: [ChannelStanding]

    init(_ keeper: ChannelKeeper) {
        let standing = keeper.standing
        file = keeper.file
        folder = keeper.folder
        problem = standing.problem
        channels = standing.desk?.standing ?? []
    }
}
