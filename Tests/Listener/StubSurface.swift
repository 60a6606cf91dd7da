import Listener
import Synchronization
import Telemetry

/// A daemon that answers what the test wants, and remembers what it was asked.
final class StubSurface: OperatorSurface {
    struct Failure: Error {}

    let registry = MetricsRegistry()
    let isLive = Atomic(true)
    let checks = Mutex([ReadinessCheck("database"), ReadinessCheck("schema")])
    let performed = Mutex<[(command: String, body: [UInt8], actor: OperatorActor)]>([])

    func live() -> Bool { isLive.load(ordering: .relaxed) }
    func readiness() async -> [ReadinessCheck] { checks.withLock { $0 } }
    func status() async throws -> [UInt8] { Array(#"{"node":"n1"}"#.utf8) }
    func metrics(_ format: ExpositionFormat) async -> String { registry.render(format) }

    func perform(_ command: String, _ body: [UInt8], by actor: OperatorActor) async throws -> [UInt8] {
        performed.withLock { $0.append((command, body, actor)) }
        switch command {
        case "reload":
            throw Problem(
                status: 422,
                title: "The schedule files have errors",
                detail: "billing.yaml:3:5: unknown key 'jbo'",
                remedy: "mend them and reload again",
                exitStatus: 78
            )
        case "break": throw Failure()
        default: return body
        }
    }
}
