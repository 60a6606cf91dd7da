internal import CKeeper
internal import Glibc

/// The process between this one and an external program: the same executable, asked to be a keeper by its first word.
///
/// What it guarantees stands at the head of `keeper.c`.
package enum Keeper {
    /// The first word of a process that is a keeper.
    static let word = "keep-program"

    /// Becomes a keeper if this process was started as one, and then never returns.
    ///
    /// First in `main`.
    package static func becomeIfAsked() {
        guard CommandLine.argc > 2, CommandLine.arguments[1] == word else { return }
        ckeeper_main(CommandLine.argc - 2, CommandLine.unsafeArgv + 2)
    }

    /// A daemon that died leaves its program so long: its lease ends soon, and then another node may begin anew.
    static let graceWhenLost = Duration.seconds(1)

    /// What a keeper is told to do.
    static func words(for program: Program) -> [String] {
        var words = [
            word, "directory=\(program.directory)", "grace=\(program.grace.wholeMilliseconds)",
            "lost=\(min(program.grace, graceWhenLost).wholeMilliseconds)",
        ]
        if let account = program.account {
            let groups = account.groups.map(String.init).joined(separator: ",")
            words += ["user=\(account.user)", "group=\(account.group)", "groups=\(groups)"]
        }
        if let folder = program.folder {
            words.append("remove=\(folder.path)")
            if folder.hasInput { words.append("input=\(folder.inputPath)") }
        }
        return words + ["--"] + program.words
    }
}

/// What a keeper tells.
enum KeeperReport: Equatable {
    /// From here on something of the program may have run.
    case starting
    case started(Int32)
    case ended(ProgramEnding)
    case refused(step: Int32, error: Int32)

    init?(_ text: String) {
        let words = text.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int32($0) }
        switch (words.first, numbers.first) {
        case ("starting", _): self = .starting
        case ("started", let process?): self = .started(process)
        case ("exited", let code?): self = .ended(.exited(code))
        case ("killed", let signal?): self = .ended(.killed(signal: signal))
        case ("refused", let step?): self = .refused(step: step, error: numbers.last ?? 0)
        default: return nil
        }
    }
}

/// This process's end of the socket to a keeper.
final class KeeperSocket: Sendable {
    private let descriptor: Int32

    /// - Returns: the socket, and the descriptor for the keeper, which the caller closes.
    static func pair() throws(ProgramRefused) -> (ours: KeeperSocket, theirs: Int32) {
        var descriptors: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &descriptors) == 0 else {
            throw ProgramRefused(
                "no socket for a program's keeper: \(String(cString: strerror(errno)))",
                isPassing: true
            )
        }
        return (KeeperSocket(descriptors[0]), descriptors[1])
    }

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Ends the program: SIGTERM now, SIGKILL after the grace.
    ///
    /// A shorter grace later counts, a longer one does not.
    func stop(within grace: Duration) {
        let text = Array("stop \(grace.wholeMilliseconds)".utf8)
        _ = send(descriptor, text, text.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }

    /// Everything the keeper has told that was not read yet; it does not wait.
    func reports() -> [KeeperReport] {
        var reports: [KeeperReport] = []
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return reports }
            KeeperReport(String(decoding: bytes[..<count], as: UTF8.self)).map { reports.append($0) }
        }
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
