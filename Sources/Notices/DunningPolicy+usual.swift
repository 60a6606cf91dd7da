extension DunningPolicy {
    /// What holds where no policy file says otherwise.
    ///
    /// It suspends nobody, and knows no holidays.
    package static let builtIn = DunningPolicy()

    /// A courtesy, a word the day before, two after the due date, and the final notice.
    package static let usualSteps = [
        DunningStep("courtesy", offsetDays: -7, category: "courtesy"),
        DunningStep("due_soon", offsetDays: -1, category: "due_soon"),
        DunningStep("overdue", offsetDays: 1, category: "overdue"),
        DunningStep("overdue2", offsetDays: 3, category: "overdue"),
        DunningStep("final", offsetDays: 6, category: "final"),
    ]
}
