/// Why a source's way of signing cannot be used: a fault of the configuration, found before the first post.
package struct SchemeError: Error, Equatable, Sendable {
    /// What kind of fault it is.
    package enum Code: String, Sendable {
        /// A secret is too short, not in the scheme's writing, or counts at no time; or there is none.
        case badSecret = "bad_secret"
        /// The template of what is signed cannot be used.
        case badTemplate = "bad_template"
        /// A header's name is no name of a header, or stands for two things.
        case badHeader = "bad_header"
        /// The tolerance is negative.
        case badTolerance = "bad_tolerance"
        /// A number of the options is out of its range, or a name of a scheme is unknown.
        case badOption = "bad_option"
    }

    package let code: Code
    /// What is wrong, in one sentence that holds no secret.
    package let problem: String
    /// What to do about it.
    package let remedy: String

    init(_ code: Code, _ problem: String, remedy: String) {
        self.code = code
        self.problem = problem
        self.remedy = remedy
    }
}

extension SchemeError: CustomStringConvertible {
    package var description: String { "\(problem); \(remedy)" }
}
