import HTTPTypes
import Hummingbird
import Logging
import Metrics
import NIOCore
import Telemetry

/// Counts and times requests by route, never by path: a path may hold anything.
struct RequestRecorder: RouterMiddleware {
    let listener: String

    static let descriptions = [
        MetricDescription("bursar_http_requests_total", "HTTP requests answered, by listener, route and status."),
        MetricDescription("bursar_http_request_duration_seconds", "Time from a request's head to its answer."),
    ]

    func handle(
        _ request: Request,
        context: OperatorContext,
        next: @concurrent (Request, OperatorContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let route = context.endpointPath ?? "none"
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        Counter(
            label: "bursar_http_requests_total",
            dimensions: [("listener", listener), ("route", route), ("status", "\(response.status.code)")]
        ).increment()
        Timer(
            label: "bursar_http_request_duration_seconds",
            dimensions: [("listener", listener), ("route", route)]
        ).recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        return response
    }
}

/// Turns every error into a problem document whose id the log carries.
struct ProblemResponder: RouterMiddleware {
    let surface: any OperatorSurface

    func handle(
        _ request: Request,
        context: OperatorContext,
        next: @concurrent (Request, OperatorContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            var problem = problem(for: error)
            let id = Problem.newID()
            problem.id = id
            let metadata: Logger.Metadata = [
                "problem_id": "\(id)", "route": "\(context.endpointPath ?? "none")", "status": "\(problem.status)",
            ]
            let text = problem.detail.map { "\(problem.title): \($0)" } ?? problem.title
            if problem.status >= 500 {
                context.logger.error("request failed: \(text)", error: error, metadata: metadata)
            } else {
                context.logger.info("request refused: \(text)", metadata: metadata)
            }
            return Response(
                status: HTTPResponse.Status(code: problem.status),
                headers: [.contentType: Problem.contentType, .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.json))
            )
        }
    }

    private func problem(for error: any Error) -> Problem {
        switch error {
        case let problem as Problem: problem
        case is NIOTooManyBytesError: .tooLarge
        case let error as HTTPError where error.status == .notFound: .notFound
        case let error as HTTPError where error.status == .contentTooLarge: .tooLarge
        case let error as HTTPError:
            Problem(status: error.status.code, title: error.status.reasonPhrase, detail: error.body)
        default:
            surface.problem(for: error)
                ?? Problem(
                    status: 500,
                    title: "Something went wrong inside the daemon",
                    remedy: "look for the id in the daemon's log",
                    exitStatus: 70
                )
        }
    }
}

/// Refuses requests that reach the TCP listener under a foreign name.
struct OwnNameOnly: RouterMiddleware {
    func handle(
        _ request: Request,
        context: OperatorContext,
        next: @concurrent (Request, OperatorContext) async throws -> Response
    ) async throws -> Response {
        guard LoopbackAddress.isOwnName(request.head.authority) else { throw Problem.foreignHost }
        return try await next(request, context)
    }
}
