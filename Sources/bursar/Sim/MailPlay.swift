import Synchronization

/// The script as it is played: how often each rule was met, and what the server has done so far.
final class MailPlay: Sendable {
    /// What a server has seen.
    struct Counts: Sendable, Equatable, Encodable {
        var connections = 0
        /// Kept.
        var messages = 0
        /// Said to be kept, and not.
        var lost = 0
        /// Replies of 4xx and 5xx, scripted ones and others.
        var refusals = 0
        /// By verb.
        var commands: [String: Int] = [:]
    }

    private struct State {
        var met: [String: Int] = [:]
        var counts = Counts()
    }

    let script: MailScript
    private let state = Mutex(State())

    init(_ script: MailScript) { self.script = script }

    var counts: Counts { state.withLock(\.counts) }

    func count(_ change: (inout Counts) -> Void) { state.withLock { change(&$0.counts) } }

    /// What the script wants at a step; nil where the server behaves.
    func act(at step: MailScript.Step, recipient: String? = nil) -> MailScript.Act? {
        guard !script.rules.isEmpty else { return nil }
        return state.withLock { state in
            for (place, rule) in script.rules.enumerated() where rule.step == step && rule.concerns(recipient) {
                guard let every = rule.every else {
                    let key = "\(place) \(recipient?.lowercased() ?? "")"
                    let met = (state.met[key] ?? 0) + 1
                    state.met[key] = met
                    return rule.acts[min(met, rule.acts.count) - 1]
                }
                let met = (state.met["\(place)"] ?? 0) + 1
                state.met["\(place)"] = met
                if met % every == 0 { return rule.acts[min(met / every, rule.acts.count) - 1] }
            }
            return nil
        }
    }
}
