import FoundationEssentials
import JobKit
import Notices
import Postgres

extension OperatorCommands {
    /// Looks at an endpoint before it is put down, by the rules that hold at each post; the command itself is the contract's.
    static func vetEndpoint(_ request: OperatorRequest, _ desk: ChannelDesk?) async throws {
        guard request.command == "endpoints.put", let settings = desk?.endpointSettings,
            let wish = try? JSONDecoder().decode(EndpointWish.self, from: Data(request.body)), let text = wish.url
        else { return }
        do throws(EndpointRefusal) {
            let url = try EndpointURL(text, allowsPlainText: settings.allowsPlainText)
            _ = try await EndpointResolver.system.vetted(url, settings)
        } catch {
            throw CommandFailure(.badData, error.message, remedy: error.remedy)
        }
    }
}

/// What is looked at of `endpoints.put`.
private struct EndpointWish: Decodable {
    var url: String?
}
