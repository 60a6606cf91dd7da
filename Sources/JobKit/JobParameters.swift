/// What one run of a job is asked to do: typed, with every field declared, so that a schedule file and `bursar run --param`
/// can refuse a wrong one in words.
package protocol JobParameters: Codable, Sendable {
    /// Every field, in the order an operator should read them.
    static var fields: [Field] { get }

    /// Refuses values that have the right type and still make no sense.
    /// - Throws: ``InvalidParameter``
    func validate() throws(InvalidParameter)
}

extension JobParameters {
    package typealias Field = ParameterDeclaration

    package func validate() throws(InvalidParameter) {}
}

/// One declared field of a job's parameters.
package struct ParameterDeclaration: Equatable, Sendable {
    /// How a field is written.
    package enum Kind: String, Sendable {
        case integer, text, boolean
    }

    package let name: String
    package let kind: Kind
    package let summary: String
    /// What is used where the field is left out, as it would be written; nil makes the field required.
    package let standard: String?

    package init(_ name: String, _ kind: Kind, _ summary: String, standard: String?) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.standard = standard
    }
}

/// A parameter that a run cannot be started with.
package struct InvalidParameter: Error, Equatable, CustomStringConvertible {
    package let name: String
    package let problem: String
    package let remedy: String

    package init(_ name: String, _ problem: String, remedy: String) {
        self.name = name
        self.problem = problem
        self.remedy = remedy
    }

    package var description: String { "parameter \(name): \(problem); \(remedy)" }
}
