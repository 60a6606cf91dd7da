import HTTPTypes
import Hummingbird
import Telemetry

/// The operator's routes, the same on both listeners; only the unix socket takes commands.
struct OperatorRoutes: Sendable {
    let surface: any OperatorSurface
    let bodyLimit: Int

    func router(listener: String, isSocket: Bool) -> Router<OperatorContext> {
        let router = Router(context: OperatorContext.self)
        router.add(middleware: RequestRecorder(listener: listener))
        router.add(middleware: ProblemResponder(surface: surface))
        if !isSocket { router.add(middleware: OwnNameOnly()) }
        router.get("/livez") { _, _ in live() }
        router.get("/readyz") { request, _ in await ready(request) }
        router.get("/status") { _, _ in json(try await surface.status()) }
        router.get("/metrics") { request, _ in await metrics(request) }
        router.post("/v1/{command}") { request, context in
            guard isSocket else { throw Problem.onlyThroughSocket }
            return try await perform(request, context)
        }
        return router
    }

    private func live() -> Response {
        surface.live() ? text(.ok, "ok\n") : text(.serviceUnavailable, "a loop of the node stands still\n")
    }

    /// Machines read the status code; `?verbose` lists the checks for people, `?exclude=NAME` leaves one out.
    private func ready(_ request: Request) async -> Response {
        let query = request.uri.queryParameters
        let excluded = Set(query[values: "exclude"].map { String($0) })
        let checks = await surface.readiness()
        let isReady = checks.allSatisfy { $0.passes || excluded.contains($0.name) }
        let status: HTTPResponse.Status = isReady ? .ok : .serviceUnavailable
        guard query.has("verbose") else { return text(status, isReady ? "ok\n" : "not ready\n") }
        var lines = ""
        for check in checks {
            if excluded.contains(check.name) {
                lines += "[ ]\(check.name) excluded\n"
            } else {
                lines += check.reason.map { "[-]\(check.name) failed: \($0)\n" } ?? "[+]\(check.name) ok\n"
            }
        }
        return text(status, lines + (isReady ? "readyz check passed\n" : "readyz check failed\n"))
    }

    private func metrics(_ request: Request) async -> Response {
        let format = ExpositionFormat(accept: request.headers[.accept])
        return respond(.ok, format.contentType, Array(await surface.metrics(format).utf8))
    }

    private func perform(_ request: Request, _ context: OperatorContext) async throws -> Response {
        guard let actor = await PeerCredentials.actor(of: context.channel) else { throw Problem.onlyThroughSocket }
        let command = try context.parameters.require("command")
        let body = try await request.body.collect(upTo: bodyLimit)
        return json(try await surface.perform(command, Array(body.readableBytesView), by: actor))
    }

    private func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        respond(status, "text/plain; charset=utf-8", Array(text.utf8))
    }

    private func json(_ bytes: [UInt8]) -> Response { respond(.ok, "application/json", bytes) }

    private func respond(_ status: HTTPResponse.Status, _ type: String, _ body: [UInt8]) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        )
    }
}
