/// What a metric is for; `/metrics` shows it as HELP, and a histogram takes its buckets from here.
package struct MetricDescription: Sendable, Hashable {
    /// The bounds of a histogram, in seconds, chosen by how long the thing measured takes.
    package enum Buckets: Sendable, Hashable, CaseIterable {
        /// Milliseconds to seconds: HTTP requests, statements.
        case requests
        /// A tenth of a second to hours: runs and their lateness.
        case runs

        /// Upper bounds, rising, without the infinite one.
        package var bounds: [Double] {
            switch self {
            case .requests: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
            case .runs: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400]
            }
        }
    }

    /// As given to swift-metrics: `bursar_runs_total`, `bursar_run_duration_seconds`.
    package var name: String
    package var help: String
    package var buckets: Buckets

    package init(_ name: String, _ help: String, buckets: Buckets = .requests) {
        self.name = name
        self.help = help
        self.buckets = buckets
    }
}

/// What a family of series is, in Prometheus's words.
enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// Names as Prometheus wants them.
enum MetricName {
    /// Labels that a scrape sets itself: ours would come back as `exported_job`.
    static let reservedLabels: Set<String> = ["job", "instance"]

    /// The name with every character that Prometheus does not take replaced by an underscore.
    static func clean(_ name: String, isLabel: Bool = false) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": result.unicodeScalars.append(scalar)
            case "0"..."9": result += result.isEmpty ? "_\(scalar)" : "\(scalar)"
            case ":" where !isLabel: result += ":"
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }

    /// The family's name, with the suffix that its kind demands.
    static func family(_ label: String, _ kind: MetricKind, isTime: Bool = false) -> String {
        let name = clean(label)
        return switch kind {
        case .counter where !name.hasSuffix("_total"): name + "_total"
        case .histogram where isTime && !name.hasSuffix("_seconds"): name + "_seconds"
        default: name
        }
    }

    /// Why these labels cannot be exported, if they cannot.
    static func fault(of labels: [(String, String)], kind: MetricKind) -> String? {
        var seen: Set<String> = []
        for (name, _) in labels {
            let name = clean(name, isLabel: true)
            if reservedLabels.contains(name) { return "Prometheus sets the label '\(name)' itself" }
            if name.hasPrefix("__") { return "labels that begin with '__' belong to Prometheus: '\(name)'" }
            if kind == .histogram, name == "le" { return "'le' is the label of a histogram's buckets" }
            if !seen.insert(name).inserted { return "the label '\(name)' stands twice" }
        }
        return nil
    }
}
