internal import CivilTime
package import Postgres

/// A command of the business by hand: its name on the operator socket, what its body may hold, and the statement that
/// carries it out.
///
/// The statement calls a function of the SQL contract, as the web application does, and answers with
/// one column, `answer`, of JSON.
package struct ContractCommand: Sendable {
    /// What a field of the body holds.
    package enum Kind: String, Sendable {
        /// An id, a number of an invoice, or an external_ref; see `bursar.named_object`.
        case reference
        case text
        case whole = "whole number"
        case day = "day (YYYY-MM-DD)"
        case flag = "true or false"
        case json = "list or object"
    }

    package struct Field: Sendable {
        package let name: String
        package let kind: Kind
        package let isRequired: Bool
    }

    /// As in `POST /v1/subscriptions.pause`.
    package let name: String
    /// In the order of the statement's parameters.
    package let fields: [Field]
    package let statement: Statement
    /// Whether it only looks.
    package let isReading: Bool

    package init(_ name: String, _ fields: [Field], isReading: Bool = false, _ sql: String) {
        self.name = name
        self.fields = fields
        self.isReading = isReading
        let words = name.map { $0 == "." ? "_" : $0 }
        statement = Statement("contract.\(String(words))", sql)
    }

    package static let all: [ContractCommand] =
        issuers + plans + tenants + rates + subscriptions + holds + reading

    package static let statements: [Statement] = all.map(\.statement)

    package static func named(_ name: String) -> ContractCommand? { byName[name] }

    private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}

extension ContractCommand.Field {
    package static func needs(_ name: String, _ kind: ContractCommand.Kind) -> Self {
        Self(name: name, kind: kind, isRequired: true)
    }

    package static func takes(_ name: String, _ kind: ContractCommand.Kind) -> Self {
        Self(name: name, kind: kind, isRequired: false)
    }

    package static let reason = takes("reason", .text)
}

/// Why a body does not fit its command.
package struct ContractProblem: Error, Sendable, Equatable {
    package let message: String
    package let remedy: String
}

extension ContractCommand {
    /// The statement with the values of a body, which is one JSON object.
    ///
    /// - Throws: a key that nobody reads, a value of another kind, a field that is missing.
    package func bind(_ body: [UInt8]) throws(ContractProblem) -> BoundStatement {
        guard case .object(let values) = ContractValue(json: body.isEmpty ? Array("{}".utf8) : body) else {
            throw problem("the body of \(name) is not one JSON object with whole numbers")
        }
        if let unknown = values.keys.sorted().first(where: { key in !fields.contains { $0.name == key } }) {
            throw problem("\(name) has no field \(unknown)")
        }
        var parameters: [any PostgresEncodable] = []
        for field in fields {
            parameters.append(try parameter(values[field.name] ?? .null, of: field))
        }
        return BoundStatement(statement, parameters)
    }

    private func parameter(_ value: ContractValue, of field: Field) throws(ContractProblem) -> String? {
        switch (value, field.kind) {
        case (.null, _):
            if field.isRequired { throw problem("\(name) needs \(field.name)") }
            return nil
        case (.whole(let number), .reference), (.whole(let number), .whole): return "\(number)"
        case (.text(let text), .reference), (.text(let text), .text): return text
        case (.text(let text), .day):
            if CivilDate(text) == nil { throw problem("\(field.name) of \(name) is no day: \(text)") }
            return text
        case (.flag(let flag), .flag): return "\(flag)"
        case (.list, .json), (.object, .json): return value.json
        default: throw problem("\(field.name) of \(name) is not a \(field.kind.rawValue)")
        }
    }

    private func problem(_ message: String) -> ContractProblem {
        let known = fields.map { "\($0.name)\($0.isRequired ? "" : "?") (\($0.kind.rawValue))" }
        return ContractProblem(
            message: message,
            remedy: known.isEmpty ? "\(name) takes no fields" : "it takes \(known.joined(separator: ", "))"
        )
    }
}
