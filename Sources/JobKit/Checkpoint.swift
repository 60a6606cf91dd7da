package import Monetary

/// How far a run has come: stored in the transaction of a chunk's effects, so that a kill at any statement resumes with
/// the totals right.
package struct Checkpoint: Codable, Equatable, Sendable {
    /// The step that was under way; the cursor belongs to it.
    package private(set) var step: String?
    /// Where the next chunk of the step begins: after this key.
    package private(set) var cursor: Int64?
    /// What was done so far, by name.
    package private(set) var counters: [String: Int64]
    /// What was moved so far, per currency.
    package private(set) var totals: MoneyTotals

    package init() {
        counters = [:]
        totals = MoneyTotals()
    }

    /// The key after which the next chunk of `step` begins; nil at its start.
    package func cursor(of step: String) -> Int64? {
        self.step == step ? cursor : nil
    }

    /// Everything of `step` up to and including `key` is done.
    package mutating func advance(_ step: String, to key: Int64) {
        self.step = step
        cursor = key
    }

    /// Adds to a counter.
    package mutating func count(_ name: String, _ more: Int) {
        guard more != 0 else { return }
        counters[name, default: 0] += Int64(more)
    }

    /// Adds to the totals.
    /// - Throws: a sum that does not fit 64 bits.
    package mutating func add(_ more: MoneyTotals) throws(MoneyError) {
        try totals.add(more)
    }

    private enum CodingKeys: String, CodingKey {
        case step, cursor, counters, totals
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        step = try values.decodeIfPresent(String.self, forKey: .step)
        cursor = try values.decodeIfPresent(Int64.self, forKey: .cursor)
        counters = try values.decodeIfPresent([String: Int64].self, forKey: .counters) ?? [:]
        totals = try values.decodeIfPresent(MoneyTotals.self, forKey: .totals) ?? MoneyTotals()
    }
}
