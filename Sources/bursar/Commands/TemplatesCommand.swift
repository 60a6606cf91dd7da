import ArgumentParser
import Notices

/// The templates of notices: which there are, and what they say.
struct TemplatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "templates",
        abstract: "Show the templates of notices, and what they say.",
        subcommands: [List.self, Render.self]
    )

    /// Which template is used for what.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Show which template each category and channel takes, in Khmer and English.",
            discussion: """
                Checks every template on the way, and ends with 65 where one has an error. The parts of an SMS are those of \
                the sample's. Needs no database and no daemon.
                """
        )

        @Option(
            help: ArgumentHelp("What this tenant gets, by its external reference.", valueName: "reference")
        )
        var tenant: String?

        @Option(help: ArgumentHelp("One locale only.", valueName: "tag"))
        var locale: String?

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let book = try TemplateBook.load(folder: settings.noticeTemplates)
            let locales = locale.map { [$0] } ?? book.locales(for: tenant)
            var rows: [TemplateRow] = []
            for category in NoticeCatalogue.categories {
                for channel in category.ladder {
                    for locale in locales {
                        let facts = TemplateSample.whole.facts(of: category, locale: locale)
                        let notice = try book.render(
                            category: category.name,
                            channel: channel,
                            tenant: tenant,
                            locale: locale,
                            facts: facts
                        ).notice
                        rows.append(
                            TemplateRow(category: category.name, channel: channel, locale: locale, notice: notice)
                        )
                    }
                }
            }
            options.show(rows) { TemplateRow.table($0) }
        }
    }

    /// What a template says.
    struct Render: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "render",
            abstract: "Show a notice as a payer would get it, of a sample.",
            discussion: """
                With --out mail is written as the file that a mail program opens, and every other channel as text. Needs no \
                database and no daemon.
                """
        )

        @Argument(help: ArgumentHelp("The category, such as final.", valueName: "category"))
        var category: String

        @Option(help: ArgumentHelp("As this tenant gets it, by its external reference.", valueName: "reference"))
        var tenant: String?

        @Option(help: ArgumentHelp("The payer's locale; km when not given.", valueName: "tag"))
        var locale = "km"

        @Option(help: "email, telegram, sms, webhook or operator; the first of the category when not given.")
        var channel: NoticeChannel?

        @Option(help: "The facts to show: whole, several (invoices) or lean; whole when not given.")
        var sample = TemplateSample.whole

        @Option(help: ArgumentHelp("Write it to this file.", valueName: "file"))
        var out: String?

        @Flag(help: "Overwrite a file that is there.")
        var force = false

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            guard let known = NoticeCatalogue.category(named: category) else {
                let names = NoticeCatalogue.categories.map(\.name).joined(separator: ", ")
                throw CommandFailure(
                    .usage,
                    "there is no category '\(category)'",
                    remedy: "the categories are \(names)"
                )
            }
            let channel = channel ?? known.ladder.first ?? .email
            let facts = sample.facts(of: known, locale: locale)
            let book = try TemplateBook.load(folder: settings.noticeTemplates)
            let notice = try book.render(
                category: category,
                channel: channel,
                tenant: tenant,
                locale: locale,
                facts: facts
            ).notice
            let shown = RenderedSample(notice: notice, channel: channel)
            guard let out else { return options.show(shown) { $0.text } }
            let bytes =
                channel == .email ? try shown.mail(unsubscribe: facts.unsubscribe) : Array((shown.text + "\n").utf8)
            try NewFile.write(bytes, to: out, force: force)
        }
    }
}

extension NoticeChannel: ExpressibleByArgument {}
extension TemplateSample: ExpressibleByArgument {}
