import CivilTime
import Foundation
import Schedules
import Testing

/// A row of `Tests/Vectors/cron.jsonl`: an expression with its fires, or one that must be refused.
struct CronVector: Decodable, CustomTestStringConvertible {
    let expr: String
    let zone: String?
    let after: String?
    let fires: [String]?
    let error: Bool?

    /// The row's question, asked: at most as many fires as the row has.
    func answer() throws -> [Instant] {
        let start = try #require(after.flatMap { Instant($0) })
        let place = try Zone(named: zone ?? "")
        return try Cron(parsing: expr).fires(after: start, in: place, count: fires?.count ?? 0)
    }

    var testDescription: String { "\(expr) in \(zone ?? "no zone") after \(after ?? "-")" }

    static let all: [CronVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Vectors/cron.jsonl")
        guard let text = try? String(contentsOf: file.standardized, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(Self.self, from: Data($0.utf8)) }
    }()
}

@Suite struct CronVectorTests {
    @Test func `Every row of the vectors is read`() {
        #expect(CronVector.all.count == 416)
        #expect(CronVector.all.filter { $0.error == true }.count == 16)
    }

    @Test(arguments: CronVector.all.filter { $0.error != true })
    func `An expression fires when the vectors say`(row: CronVector) throws {
        #expect(try row.answer().map(\.description) == row.fires)
    }

    @Test(arguments: CronVector.all.filter { $0.error != true })
    func `Asking for one fire after the other gives the same as asking for all`(row: CronVector) throws {
        let cron = try Cron(parsing: row.expr)
        let zone = try Zone(named: row.zone ?? "")
        var instant = try #require(row.after.flatMap { Instant($0) })
        for expected in try row.answer() {
            instant = try #require(cron.next(after: instant, in: zone))
            #expect(instant == expected)
        }
    }

    @Test(arguments: CronVector.all.filter { $0.error == true })
    func `An expression that the vectors call wrong is refused`(row: CronVector) {
        #expect(throws: CronError.self) { try Cron(parsing: row.expr) }
    }
}
