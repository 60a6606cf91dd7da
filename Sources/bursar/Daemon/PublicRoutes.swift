import Listener

/// What the public can reach: `/up`, and the groups of routes, whose paths have no beginning in common.
struct PublicRoutes: PublicSurface {
    let groups: [any PublicRouteGroup]
    let notes: PublicNotes

    func judge(_ head: PublicHead) -> PublicJudgement {
        if head.path == "/up" { return .answer(up(head)) }
        guard let group = group(of: head) else {
            return .answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        return group.judge(head)
    }

    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        guard let group = group(of: head) else {
            return answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        group.take(head, body, answer)
    }

    private func group(of head: PublicHead) -> (any PublicRouteGroup)? {
        groups.first { head.path.hasPrefix($0.prefix) }
    }

    private func up(_ head: PublicHead) -> PublicAnswer {
        switch head.method {
        case "GET": PublicAnswer(status: 200, body: Array("ok\n".utf8))
        case "HEAD": PublicAnswer(status: 200)
        default: notes.refused(.onlyGet, of: head.client, why: "the method is no GET", allow: "GET, HEAD")
        }
    }
}

/// The routes whose paths begin in one way, and what answers there.
protocol PublicRouteGroup: PublicSurface {
    /// With a slash at its end; no group's is the beginning of another's.
    var prefix: String { get }
}

extension Problem {
    static let noSuchAddress = Problem(status: 404, title: "There is no such address")
    static let onlyPost = Problem(status: 405, title: "Only POST is taken here")
    static let onlyGet = Problem(status: 405, title: "Only GET is taken here")
    static let noCoding = Problem(status: 415, title: "Encoded bodies are not taken here")
    static let notAccepted = Problem(status: 401, title: "The request was not accepted")
    static let notStored = Problem(status: 503, title: "The request could not be stored")
}

extension PublicHead {
    /// Why a post cannot be read whatever stands in it; nil where it can.
    func refusalOfPost(_ notes: PublicNotes) -> PublicAnswer? {
        guard method == "POST" else {
            return notes.refused(.onlyPost, of: client, why: "the method is no POST", allow: "POST")
        }
        if let coding = value(of: "content-encoding"), coding.lowercased() != "identity" {
            return notes.refused(.noCoding, of: client, why: "the body is encoded")
        }
        return nil
    }

    /// What stands behind a prefix of the path, where it is one part of it.
    func lastPart(after prefix: String, atMost length: Int) -> String? {
        guard path.hasPrefix(prefix) else { return nil }
        let name = path.dropFirst(prefix.count)
        return name.isEmpty || name.contains("/") || name.utf8.count > length ? nil : String(name)
    }
}
