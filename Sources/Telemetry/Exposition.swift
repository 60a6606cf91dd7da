/// The two text forms that Prometheus reads.
package enum ExpositionFormat: Sendable, Hashable, CaseIterable {
    /// Text format 0.0.4: what everything understands.
    case text
    /// OpenMetrics 1.0.
    case openMetrics

    package var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// What a scraper's `Accept` header asks for: OpenMetrics when it likes that at least as much as plain text.
    package init(accept: String?) {
        var best: (open: Double, plain: Double) = (0, 0)
        for item in (accept ?? "").lowercased().split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.drop { $0 == " " } }
            var quality = 1.0
            var version: Substring?
            for part in parts.dropFirst() {
                if part.hasPrefix("q=") { quality = Double(part.dropFirst(2)) ?? 0 }
                if part.hasPrefix("version=") { version = part.dropFirst(8) }
            }
            switch parts.first {
            case "application/openmetrics-text" where version == nil || version == "1.0.0":
                best.open = max(best.open, quality)
            case "text/plain", "text/*", "*/*": best.plain = max(best.plain, quality)
            default: continue
            }
        }
        self = best.open > 0 && best.open >= best.plain ? .openMetrics : .text
    }
}

/// Writes families in one of the text forms.
struct Exposition {
    let format: ExpositionFormat

    func text(_ families: [(key: String, value: MetricsRegistry.Family)]) -> String {
        var text = ""
        for (name, family) in families {
            // OpenMetrics names a counter's family without the suffix of its samples.
            let isOpenCounter = format == .openMetrics && family.kind == .counter
            let title = isOpenCounter ? String(name.dropLast("_total".count)) : name
            text += "# HELP \(title) \(escaped(family.help, quotes: format == .openMetrics))\n"
            text += "# TYPE \(title) \(family.kind.rawValue)\n"
            for (labels, cell) in family.numbers.sorted(by: inOrder) {
                text += "\(name)\(set(labels)) \(Self.number(cell.value))\n"
            }
            for (labels, cell) in family.histograms.sorted(by: inOrder) { append(cell, name, labels, to: &text) }
        }
        return format == .openMetrics ? text + "# EOF\n" : text
    }

    private func append(
        _ cell: HistogramCell,
        _ name: String,
        _ labels: [MetricsRegistry.Label],
        to text: inout String
    ) {
        let snapshot = cell.snapshot
        var total: UInt64 = 0
        for (bound, count) in zip(cell.bounds + [.infinity], snapshot.counts) {
            total += count
            // The same spelling in both forms, so that changing the form does not start new series.
            let le = bound == .infinity ? "+Inf" : "\(bound)"
            text += "\(name)_bucket\(set(labels + [MetricsRegistry.Label(name: "le", value: le)])) \(total)\n"
        }
        text += "\(name)_sum\(set(labels)) \(Self.number(snapshot.sum))\n"
        text += "\(name)_count\(set(labels)) \(total)\n"
    }

    private func inOrder<Cell>(
        _ one: (key: [MetricsRegistry.Label], value: Cell),
        _ other: (key: [MetricsRegistry.Label], value: Cell)
    ) -> Bool {
        one.key.lexicographicallyPrecedes(other.key) { ($0.name, $0.value) < ($1.name, $1.value) }
    }

    private func set(_ labels: [MetricsRegistry.Label]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
    }

    private func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A number as both forms take it: whole ones without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.rounded() == value, abs(value) < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }
}
