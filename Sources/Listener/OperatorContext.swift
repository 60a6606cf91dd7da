import FoundationEssentials
import Hummingbird
import NIOCore

/// What a route needs to know of the connection it serves.
struct OperatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
