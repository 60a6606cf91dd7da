internal import JobKit
package import Monetary

/// Asks Bakong, from a run or for an operator: every call within the provider's limits, and in the journal.
///
/// Faults of Bakong are answers (`.unknown`), never errors: what is thrown is why the caller shall stop (its run was cancelled or
/// lost its lease, a dry run, the task was cancelled) or that the database is away.
package struct BakongCalls: Sendable {
    let client: BakongClient
    let context: any CallingContext

    /// Looks up many md5s, 50 a call, and one by one where Bakong takes no lists.
    /// - Returns: a finding for every key.
    package func lookup(md5s: [String]) async throws -> [String: BakongFinding] {
        try await lookup(.md5, md5s)
    }

    /// Looks up many hashes, 50 a call, and one by one where Bakong takes no lists.
    /// - Returns: a finding for every key.
    package func lookup(hashes: [String]) async throws -> [String: BakongFinding] {
        try await lookup(.hash, hashes)
    }

    /// Looks up the md5 of a dynamic QR; of two payments of one QR it tells one.
    package func lookup(md5: String) async throws -> BakongFinding { try await single(.md5, md5) }

    /// Looks up a transaction with its tracking: whether it was refunded since.
    package func lookup(hash: String) async throws -> BakongFinding { try await single(.hash, hash) }

    /// Looks up a transaction by the first 8 digits of its hash, which payers see, and the amount.
    package func lookup(shortHash: String, amount: Money) async throws -> BakongFinding {
        guard shortHash.utf8.count == 8 else { return .unknown(.ourBug("a short hash has 8 characters")) }
        let members = ["hash": quoted(shortHash), "amount": amount.plainText, "currency": quoted(amount.currency.code)]
        return try await finding(.shortHash, members, keys: [shortHash])
    }

    /// Looks up a transaction by the payer's instruction reference; a merchant's bill number is none.
    package func lookup(instructionRef: String) async throws -> BakongFinding {
        try await finding(.instructionRef, ["instructionRef": quoted(instructionRef)], keys: [instructionRef])
    }

    /// Looks up a transaction by the reference of the payer's bank.
    package func lookup(externalRef: String) async throws -> BakongFinding {
        try await finding(.externalRef, ["externalRef": quoted(externalRef)], keys: [externalRef])
    }

    // Single lookups --------------------------------------------------------------------------------------------------

    func single(_ kind: BakongKeyKind, _ key: String) async throws -> BakongFinding {
        if let fault = kind.fault(of: key) { return .unknown(fault) }
        return try await finding(kind.single, [kind.name: quoted(key)], keys: [key], hash: kind == .hash ? key : nil)
    }

    private func finding(
        _ endpoint: BakongEndpoint,
        _ members: [String: String],
        keys: [String],
        hash: String? = nil
    ) async throws -> BakongFinding {
        do {
            return try await ask(BakongQuestion(endpoint, members, keys: keys)) { answer throws(BakongFault) in
                try answer.finding(askedFor: hash)
            }
        } catch let fault as BakongFault {
            return .unknown(fault)
        }
    }

    // Many lookups ----------------------------------------------------------------------------------------------------

    private func lookup(_ kind: BakongKeyKind, _ keys: [String]) async throws -> [String: BakongFinding] {
        var findings: [String: BakongFinding] = [:]
        var open: [String] = []
        for key in keys where findings[key] == nil {
            let fault = kind.fault(of: key)
            // A place is taken, so that a key that was given twice is asked once.
            findings[key] = .unknown(fault ?? .notAnswered)
            if fault == nil { open.append(key) }
        }
        for start in stride(from: 0, to: open.count, by: BakongKeyKind.mostAtOnce) {
            let part = Array(open[start..<min(start + BakongKeyKind.mostAtOnce, open.count)])
            let found = try await batch(kind, part)
            findings.merge(found) { _, new in new }
            if let fault = found.values.first(where: { $0.fault?.concernsEveryKey == true }) {
                for key in open[(start + part.count)...] { findings[key] = fault }
                break
            }
        }
        return findings
    }

    /// One call for up to 50 keys; what it leaves out is looked up one by one.
    private func batch(_ kind: BakongKeyKind, _ keys: [String]) async throws -> [String: BakongFinding] {
        guard keys.count > 1, !client.memory.isClosed(kind.list) else { return try await oneByOne(kind, keys) }
        var normal: [String: String] = [:]
        for key in keys { normal[BakongKeyKind.normal(key)] = key }
        let asked = Set(normal.keys)
        do {
            let question = BakongQuestion(list: kind.list, keys)
            let found = try await ask(question) { answer throws(BakongFault) in
                try answer.findings(kind, asked: asked)
            }
            var findings: [String: BakongFinding] = [:]
            for (key, finding) in found { findings[normal[key] ?? key] = finding }
            let missing = keys.filter { findings[$0] == nil }
            return findings.merging(try await oneByOne(kind, missing)) { first, _ in first }
        } catch let fault as BakongFault where fault.isWorthSingleLookups {
            let found = try await oneByOne(kind, keys)
            // Where single lookups are refused too it is not the list that is closed.
            if found.values.contains(where: \.isConclusive) { client.memory.close(kind.list) }
            return found
        } catch let fault as BakongFault {
            return Dictionary(keys.map { ($0, .unknown(fault)) }) { first, _ in first }
        }
    }

    /// One call a key, until a fault that would meet every other key too.
    private func oneByOne(_ kind: BakongKeyKind, _ keys: [String]) async throws -> [String: BakongFinding] {
        var findings: [String: BakongFinding] = [:]
        for (place, key) in keys.enumerated() {
            let finding = try await single(kind, key)
            findings[key] = finding
            guard finding.fault?.concernsEveryKey == true else { continue }
            for other in keys[(place + 1)...] { findings[other] = finding }
            break
        }
        return findings
    }
}

/// One request to Bakong, before it is sent.
struct BakongQuestion: Sendable {
    let endpoint: BakongEndpoint
    /// JSON.
    let body: String
    /// What is asked for; kept in the journal where the endpoint allows.
    let keys: [String]
    /// What the body holds and nothing may show.
    let secrets: [BakongSecret]

    /// - Parameters:
    ///   - endpoint: the call.
    ///   - members: of an object, their values as JSON.
    ///   - keys: what is asked for.
    ///   - secrets: what no excerpt of the answer may repeat.
    init(_ endpoint: BakongEndpoint, _ members: [String: String], keys: [String], secrets: [BakongSecret] = []) {
        self.endpoint = endpoint
        self.secrets = secrets + (endpoint.hasOpenKeys ? [] : keys.map { BakongSecret($0) })
        body =
            "{" + members.sorted { $0.key < $1.key }.map { quoted($0.key) + ":" + $0.value }.joined(separator: ",")
            + "}"
        self.keys = keys
    }

    /// A bare array, as the list endpoints want it.
    init(list endpoint: BakongEndpoint, _ keys: [String]) {
        self.endpoint = endpoint
        secrets = []
        body = "[" + keys.map(quoted).joined(separator: ",") + "]"
        self.keys = keys
    }
}

/// A text as JSON.
func quoted(_ text: String) -> String { ExactJSON.quoted(text) }
