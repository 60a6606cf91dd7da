internal import ArgumentParser
internal import Hummingbird
internal import Configuration
internal import Metrics
internal import ServiceLifecycle

@main
struct Bursar: AsyncParsableCommand {
    func run() async throws {}
}
