/// One measured figure beside what it is held against.
struct BenchFigure: Encodable, Sendable {
    let name: String
    /// The middle one of the runs.
    let value: Double
    let unit: String
    /// The same unit: what bare SQL did in the same run, or what the figure must keep to.
    let limit: Double
    /// `value / limit`.
    let ratio: Double
    let runs: Int
    let min: Double
    let max: Double
    /// What the ratio must be; not part of the JSON.
    let demand: Demand

    /// What a ratio must be for the figure to be good.
    enum Demand: Sendable {
        case atLeast(Double)
        case atMost(Double)
        /// It is only told.
        case nothing
    }

    private enum CodingKeys: String, CodingKey {
        case name, value, unit, limit, ratio, runs, min, max
    }

    /// Takes one value a run, and what each is held against: one a run, or one for all.
    init(_ name: String, _ measured: [Double], _ unit: String, limits: [Double], _ demand: Demand) {
        self.name = name
        self.unit = unit
        self.demand = demand
        value = measured.median
        limit = limits.median
        ratio = limit > 0 ? value / limit : 0
        runs = measured.count
        min = measured.min() ?? 0
        max = measured.max() ?? 0
    }

    /// Takes a figure that is held against nothing.
    init(_ name: String, _ measured: [Double], _ unit: String) {
        self.init(name, measured, unit, limits: [], .nothing)
    }

    var isGood: Bool {
        switch demand {
        case .nothing: true
        case .atLeast(let least): ratio >= least
        case .atMost(let most): ratio <= most
        }
    }

    /// The demand in words, for a person.
    var verdict: String {
        switch demand {
        case .nothing: ""
        case .atLeast(let least): (isGood ? "good: at least " : "TOO LOW: wanted at least ") + least.short
        case .atMost(let most): (isGood ? "good: at most " : "TOO HIGH: wanted at most ") + most.short
        }
    }
}

/// What `bursar bench` answers.
struct BenchReport: Encodable, Sendable {
    let machine: Machine
    var figures: [BenchFigure]

    var text: String {
        var table = TextTable(["WHAT", "VALUE", "LIMIT", "UNIT", "RATIO", "RUNS", "FROM", "TO", ""])
        for figure in figures {
            table.add([
                figure.name, figure.value.short, figure.limit.short, figure.unit, figure.ratio.short, "\(figure.runs)",
                figure.min.short, figure.max.short, figure.verdict,
            ])
        }
        return "\(machine.text)\n\n\(table.text)"
    }
}

extension [Double] {
    /// The middle value, or the mean of the two in the middle; 0 of none.
    fileprivate var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        let middle = count / 2
        return count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

extension Double {
    /// Whole from a hundred on, with a digit from ten on, with two below.
    var short: String {
        let digits = self >= 100 ? 0 : self >= 10 ? 1 : 2
        let scale = digits == 0 ? 1.0 : digits == 1 ? 10 : 100
        let scaled = (self * scale).rounded()
        guard let whole = Int64(exactly: (scaled / scale).rounded(.down)) else { return "\(self)" }
        guard digits > 0 else { return "\(whole)" }
        let rest = String(Int64(scaled) - whole * Int64(scale))
        return "\(whole)." + String(repeating: "0", count: digits - rest.count) + rest
    }
}
