internal import CLibpq

extension PostgresConfiguration {
    /// The URL as the environment of programs that use libpq themselves: a password stands on no command line so.
    ///
    /// - Throws: `PostgresError` with code `misuse` for a text that is neither a URL nor a connection string; it is not
    ///   repeated, since it may hold a password.
    package func programEnvironment() throws(PostgresError) -> [String: String] {
        let options = try ConnectionOptions(self)
        var environment = ["PGAPPNAME": applicationName]
        guard let known = PQconndefaults() else { throw PostgresError(.misuse, "out of memory") }
        defer { PQconninfoFree(known) }
        var option = known
        while let keyword = option.pointee.keyword {
            // Our own options are for sessions of ours: a statement's time limit would end a dump.
            if let name = option.pointee.envvar, let value = options[String(cString: keyword)],
                String(cString: keyword) != "options"
            {
                environment[String(cString: name)] = value
            }
            option += 1
        }
        return environment
    }
}
