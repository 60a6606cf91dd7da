package import CoreMetrics
import Synchronization

/// All series of this process, kept for the next scrape: the backend of the swift-metrics API.
///
/// A metric that would spoil the scrape is refused, not exported, and listed in `refusals`: a label named `job` or
/// `instance`, one name used for two kinds, or more than `maximumSeries` series under one name (an id has become a label).
package final class MetricsRegistry: MetricsFactory, Sendable {
    package static let maximumSeries = 2000

    struct Family: Sendable {
        var kind: MetricKind
        var help: String
        var numbers: [[Label]: NumberCell] = [:]
        var histograms: [[Label]: HistogramCell] = [:]
    }

    /// A label's cleaned name and its value.
    struct Label: Hashable, Sendable {
        var name: String
        var value: String
    }

    fileprivate struct State {
        var descriptions: [String: MetricDescription] = [:]
        var families: [String: Family] = [:]
        var refusals: [String] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Tells what metrics are for; called before they are first used.
    package func describe(_ descriptions: [MetricDescription]) {
        state.withLock { state in
            for description in descriptions {
                let name = MetricName.clean(description.name)
                state.descriptions[name] = description
                state.families[name]?.help = description.help
            }
        }
    }

    /// Metrics that were refused, with the reason; empty in a healthy build.
    package var refusals: [String] { state.withLock { $0.refusals } }

    /// Everything measured so far, as Prometheus reads it.
    package func render(_ format: ExpositionFormat) -> String {
        let families = state.withLock { $0.families }
        return Exposition(format: format).text(families.sorted { $0.key < $1.key })
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        number(label, dimensions, .counter) ?? RefusedCell()
    }

    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        number(label, dimensions, .counter) ?? RefusedCell()
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        number(label, dimensions, .gauge) ?? RefusedCell()
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate { return histogram(label, dimensions, isTime: false) ?? RefusedCell() }
        return number(label, dimensions, .gauge) ?? RefusedCell()
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, isTime: true) ?? RefusedCell()
    }

    // A series lives as long as the process: a counter that vanished would read as a reset.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// The cell of a series, for code of this room that sets a counter as a whole.
    func number(_ label: String, _ dimensions: [(String, String)], _ kind: MetricKind) -> NumberCell? {
        let name = MetricName.family(label, kind)
        return state.withLock { state in
            guard let labels = state.admit(name, kind, dimensions) else { return nil }
            if let cell = state.families[name]?.numbers[labels] { return cell }
            let cell = NumberCell()
            state.families[name]?.numbers[labels] = cell
            return cell
        }
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], isTime: Bool) -> HistogramCell? {
        let name = MetricName.family(label, .histogram, isTime: isTime)
        return state.withLock { state in
            guard let labels = state.admit(name, .histogram, dimensions) else { return nil }
            if let cell = state.families[name]?.histograms[labels] { return cell }
            let cell = HistogramCell(bounds: (state.descriptions[name]?.buckets ?? .requests).bounds)
            state.families[name]?.histograms[labels] = cell
            return cell
        }
    }
}

extension MetricsRegistry.State {
    /// Makes room for a series and returns its labels, or notes why there is none.
    fileprivate mutating func admit(
        _ name: String,
        _ kind: MetricKind,
        _ dimensions: [(String, String)]
    ) -> [MetricsRegistry.Label]? {
        if let fault = MetricName.fault(of: dimensions, kind: kind) { return refuse(name, fault) }
        let help = descriptions[name]?.help ?? "No description."
        let family = families[name] ?? MetricsRegistry.Family(kind: kind, help: help)
        guard family.kind == kind else { return refuse(name, "is a \(family.kind.rawValue) already") }
        let labels = dimensions.map {
            MetricsRegistry.Label(name: MetricName.clean($0.0, isLabel: true), value: $0.1)
        }.sorted { $0.name < $1.name }
        let isKnown = family.numbers[labels] != nil || family.histograms[labels] != nil
        guard isKnown || family.numbers.count + family.histograms.count < MetricsRegistry.maximumSeries else {
            return refuse(name, "has \(MetricsRegistry.maximumSeries) series: a label takes too many values")
        }
        families[name] = family
        return labels
    }

    private mutating func refuse(_ name: String, _ reason: String) -> [MetricsRegistry.Label]? {
        let refusal = "\(name): \(reason)"
        if !refusals.contains(refusal) { refusals.append(refusal) }
        return nil
    }
}
