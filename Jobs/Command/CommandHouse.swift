internal import Programs

/// What commands find on the machine they run on: set by the configuration, the same for all of them.
package struct CommandHouse: Sendable {
    /// Folders in which a secret is looked for by its name, in order.
    package var secretFolders: [String]
    /// Names that no command may ask for: the daemon's own credentials.
    package var refusedSecrets: Set<String>
    /// Where a run's private folder is made.
    package var privateFolders: String
    /// Whether a run that somebody asked for may start what no schedule file declares.
    ///
    /// Whoever may ask for runs could otherwise start any program as the daemon's user.
    package var startsUndeclared: Bool
    /// The executable that keeps the programs: this one.
    package var keeper: String

    /// A lease that is as good as lost ends within a tenth of it: the program has no longer than that.
    static let graceWhenAbandoned = Duration.seconds(1)

    package init(
        secretFolders: [String] = [],
        refusedSecrets: Set<String> = [],
        privateFolders: String = "/run/bursar/commands",
        startsUndeclared: Bool = false,
        keeper: String = "/proc/self/exe"
    ) {
        self.secretFolders = secretFolders
        self.refusedSecrets = refusedSecrets
        self.privateFolders = privateFolders
        self.startsUndeclared = startsUndeclared
        self.keeper = keeper
    }
}
