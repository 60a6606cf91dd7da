import Standing

extension Settings {
    /// The rules by which subscriptions are suspended, as these settings name them.
    ///
    /// Without a dunning policy nobody is.
    var standingRules: StandingRules { StandingRules() }
}
