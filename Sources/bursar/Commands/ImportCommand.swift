import ArgumentParser
import CivilTime
import Glibc
import Schedules

/// Brings what another scheduler runs into schedule files.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write schedule files from what another scheduler runs.",
        subcommands: [CrontabFile.self]
    )

    /// A crontab.
    struct CrontabFile: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "crontab",
            abstract: "Write the schedule file that does what a crontab does.",
            discussion: """
                Needs no database. What cannot be imported is listed with its line, and the exit code is 1 then; the \
                rest is written all the same.
                """
        )

        @Argument(help: ArgumentHelp("The crontab; - reads standard input.", valueName: "file"))
        var file: String

        @Flag(help: "The sixth column is a user, as in /etc/crontab and /etc/cron.d.")
        var system = false

        @Option(help: ArgumentHelp("Whose crontab it is: the user its commands run as.", valueName: "name"))
        var user: String?

        @Option(help: "The time zone that cron runs in; the system's when not given.")
        var zone: String?

        @Option(help: ArgumentHelp("Write to this file, which must be new.", valueName: "file"))
        var output: String?

        @Flag(help: "Write over a file that is there.")
        var force = false

        @OptionGroup var options: GlobalOptions

        private struct Answer: Encodable {
            struct Fault: Encodable {
                let line: Int
                let column: Int
                let message: String
                let remedy: String
            }
            let schedules: Int
            let output: String?
            let text: String?
            let problems: [Fault]
        }

        func validate() throws {
            guard !system || user == nil else { throw ValidationError("a crontab with a user column takes no --user") }
        }

        func run() async throws {
            _ = try options.settings(needsDatabase: false)
            let zone = try Zone(named: zone ?? SystemZone.name())
            let name = file == "-" ? "standard input" : file
            let crontab = Crontab(
                try CrontabText.read(file),
                file: name,
                options: Crontab.Options(hasUserColumn: system, user: user, zone: zone.name)
            )
            let text = crontab.scheduleFile
            if let output { try NewFile.write(text, to: output, force: force) }
            show(crontab, text)
            if !crontab.problems.isEmpty { throw ExitCode(ExitStatus.finding.rawValue) }
        }

        private func show(_ crontab: Crontab, _ text: String) {
            let answer = Answer(
                schedules: crontab.entries.count,
                output: output,
                text: output == nil ? text : nil,
                problems: crontab.problems.map {
                    Answer.Fault(line: $0.line, column: $0.column, message: $0.message, remedy: $0.remedy)
                }
            )
            if options.json { return Terminal.print(JSON.text(of: answer)) }
            if output == nil { Terminal.write(text, to: 1) }
            for problem in crontab.problems { Terminal.complain("\(problem)") }
            let schedules = answer.schedules == 1 ? "1 schedule" : "\(answer.schedules) schedules"
            let lines = answer.problems.count == 1 ? "1 line" : "\(answer.problems.count) lines"
            let left = answer.problems.isEmpty ? "" : "; \(lines) could not be imported"
            if let output { Terminal.print("\(schedules) in \(output)\(left)") }
            if output == nil, !left.isEmpty { Terminal.complain("bursar: \(schedules)\(left)") }
        }
    }
}

/// A crontab's text.
private enum CrontabText {
    /// - Throws: `CommandFailure` 65 for what cannot be read as text.
    static func read(_ path: String) throws(CommandFailure) -> String {
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw CommandFailure(
                .badData,
                "\(path) cannot be read: \(String(cString: strerror(errno)))",
                remedy: "check the path"
            )
        }
        defer { if descriptor != 0 { close(descriptor) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= 1 << 20 {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CommandFailure(
                    .badData,
                    "\(path) cannot be read: \(String(cString: strerror(errno)))",
                    remedy: "check the path"
                )
            }
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        guard bytes.count <= 1 << 20 else {
            throw CommandFailure(.badData, "\(path) is longer than 1 MiB", remedy: "check the path")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(
                .badData,
                "\(path) is not UTF-8",
                remedy: "convert it, with iconv -t UTF-8 for instance"
            )
        }
        return text
    }
}

/// The time zone of this machine.
private enum SystemZone {
    /// - Throws: `CommandFailure` where the system does not say.
    static func name() throws(CommandFailure) -> String {
        if let text = try TextFile.read("/etc/timezone", isRequired: false) {
            let name = text.prefix { !$0.isWhitespace }
            if !name.isEmpty { return String(name) }
        }
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink("/etc/localtime", &bytes, bytes.count)
        let path = String(decoding: bytes.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if let place = path.firstRange(of: "zoneinfo/") { return String(path[place.upperBound...]) }
        throw CommandFailure(
            .usage,
            "this machine does not say its time zone",
            remedy: "pass --zone, as --zone Asia/Phnom_Penh"
        )
    }
}

/// A file that a command writes for its caller.
enum NewFile {
    /// - Throws: `CommandFailure` where one is there and nobody said that it may go.
    static func write(_ text: String, to path: String, force: Bool) throws(CommandFailure) {
        try write(Array(text.utf8), to: path, force: force)
    }

    /// - Throws: `CommandFailure` where one is there and nobody said that it may go.
    static func write(_ bytes: [UInt8], to path: String, force: Bool) throws(CommandFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0o644)
        guard descriptor >= 0 else {
            let number = errno
            throw CommandFailure(
                number == EACCES ? .notPermitted : .usage,
                "\(path) cannot be written: \(String(cString: strerror(number)))",
                remedy: number == EEXIST ? "name another file, or pass --force" : "check the path"
            )
        }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw CommandFailure(.unavailable, "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }
}
