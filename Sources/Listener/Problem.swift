import FoundationEssentials

/// An error as the operator sees it: a problem document of RFC 9457, with what to do and an id that the log carries.
package struct Problem: Error, Sendable, Codable, Equatable {
    /// A URI reference that names the kind of problem; `about:blank` when the status says it all.
    package var type: String
    package var title: String
    package var status: Int
    package var detail: String?
    package var remedy: String?
    /// The exit code that suits a command which meets this problem (sysexits).
    package var exitStatus: Int32?
    /// Opaque; set by the listener.
    package var id: String?

    package init(
        status: Int,
        title: String,
        detail: String? = nil,
        remedy: String? = nil,
        exitStatus: Int32? = nil,
        type: String = "about:blank"
    ) {
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.exitStatus = exitStatus
    }

    package static let contentType = "application/problem+json"

    private enum CodingKeys: String, CodingKey {
        case type, title, status, detail, remedy, id
        case exitStatus = "exit_status"
    }

    /// Null where the bytes are no problem document.
    package init?(json: [UInt8]) {
        guard let problem = try? JSONDecoder().decode(Problem.self, from: Data(json)) else { return nil }
        self = problem
    }

    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) } ?? Array("{\"status\":\(status)}".utf8)
    }

    static func newID() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Problem {
    static let notFound = Problem(status: 404, title: "There is no such route")
    static let tooLarge = Problem(status: 413, title: "The request's body is too long")
    static let onlyThroughSocket = Problem(
        status: 403,
        title: "Commands are taken through the operator socket only",
        detail: "Over TCP nobody vouches for who speaks.",
        remedy: "use the bursar command on the daemon's machine",
        exitStatus: 77
    )
    static let foreignHost = Problem(
        status: 403,
        title: "This listener answers to its loopback name only",
        remedy: "ask for localhost or 127.0.0.1"
    )
}
