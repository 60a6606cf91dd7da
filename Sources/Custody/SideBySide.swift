internal import JobKit

/// Works on all elements, so many at a time; the first failure ends the others.
func sideBySide<Element: Sendable, Answer: Sendable>(
    _ elements: [Element],
    _ count: Int,
    _ body: @escaping @Sendable (Element) async throws -> Answer
) async throws -> [Answer] {
    try await withThrowingTaskGroup(of: Answer.self) { group in
        var rest = elements[...]
        var answers: [Answer] = []
        for _ in 0..<count {
            if let next = rest.popFirst() { group.addTask { try await body(next) } }
        }
        while let answer = try await group.next() {
            answers.append(answer)
            if let next = rest.popFirst() { group.addTask { try await body(next) } }
        }
        return answers
    }
}

/// Works until it is done or the run shall stop; then it is cancelled, waited for, and the reason thrown.
func whileWanted<Answer: Sendable>(
    _ context: JobContext,
    _ body: @escaping @Sendable () async throws -> Answer
) async throws -> Answer {
    try await withThrowingTaskGroup(of: Answer?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            await context.untilStopped()
            return nil
        }
        var done: Answer?
        var failure: (any Error)?
        while let result = await group.nextResult() {
            switch result {
            case .success(let answer?): done = answer
            case .success(nil): break
            case .failure(let error): failure = failure ?? error
            }
            group.cancelAll()
        }
        if let done { return done }
        try context.checkWhetherToStop()
        throw failure ?? CancellationError()
    }
}
