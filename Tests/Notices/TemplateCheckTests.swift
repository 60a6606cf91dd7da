import Testing

@testable import Notices

@Suite("What a template may not be")
struct TemplateCheckTests {
    private static let head = "=== subject\nFinal\n=== sms\nPay\n=== text\n"

    private static let cases: [(String, String)] = [
        ("Dear {{payer_name}}", "6:6: there is no payer_name here; known here: invoice, invoice.account,"),
        ("Dear {{payr}}", "6:6: there is no payr here; did you mean \"payer\"?"),
        ("\nPay {{invoice.totl}}", "7:5: there is no invoice.totl here; did you mean \"invoice.total\"?"),
        ("{{payment.amount}}", "6:1: there is no payment.amount here; known here:"),
        ("{{#invoices}}\n{{numbr}}\n{{/invoices}}", "7:1: there is no numbr here; did you mean \"number\"?"),
        ("{{number}}", "6:1: there is no number here; known here:"),
        ("{{#invoices}}x", "6:1: the section invoices has no end; close it with {{/invoices}}"),
        ("{{#invoices}}{{/invoice}}", "6:14: the section that ends here is invoices, not invoice; write {{/invoices}}"),
        ("{{/invoices}}", "6:1: no section invoices is open here"),
        ("{{payer", "6:1: the tag has no end; close it with }}"),
        ("{{}}", "6:1: the tag is empty"),
        ("{{pay er}}", "6:1: \"pay er\" is no name"),
        ("{{upper(payer)}}", "6:1: \"upper(payer)\" is no name"),
        ("{{> footer}}", "6:1: {{> … }} is not known here"),
        ("{{$ block}}{{/ block}}", "6:1: {{$ … }} is not known here"),
        ("{{=<% %>=}}", "6:1: {{= … }} is not known here"),
        ("{{{payer}}}", "6:1: payer must not go unescaped into a message; write {{payer}}"),
        ("{{&payer}}", "6:1: payer must not go unescaped into a message; write {{payer}}"),
        ("{{invoice}}", "6:1: invoice has several values; name one of them, such as {{invoice.number}}"),
        ("{{invoices}}", "6:1: invoices is a list; repeat a section for each: {{#invoices}} … {{/invoices}}"),
        ("{{invoices.number}}", "6:1: invoices is a list; repeat a section"),
        ("{{several}}", "6:1: several is a question; ask it with {{#several}} … {{/several}}"),
        ("{{.}}", "6:1: {{.}} stands for nothing here"),
        ("{{suspended_from}}", "6:1: suspended_from may be missing, and nothing would stand in its place"),
        ("{{^suspended_from}}{{suspended_from}}{{/suspended_from}}", "6:20: suspended_from may be missing"),
        ("{{subscription.plan}}", "6:1: subscription may be missing"),
        ("ខ្មែរ {{nothing}}", "6:7: there is no nothing here"),
        ("{{content}}", "6:1: there is no content here"),
    ]

    @Test(
        "An unknown name, a broken section or an unguarded optional value is a problem with its place",
        arguments: cases
    )
    func problems(_ text: String, _ expected: String) throws {
        let found = try TemplateFolderOfTest.problems(Self.head + text)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.hasPrefix("global/en/final.mustache:\(expected)") == true, "\(found)")
    }

    @Test(
        "What is optional may be written inside of its own section",
        arguments: [
            "{{#suspended_from}}from {{suspended_from}}{{/suspended_from}}",
            "{{#suspended_from}}from {{.}}{{/suspended_from}}",
            "{{#subscription}}{{plan}} {{subscription.reference}}{{/subscription}}", "{{! nobody }}{{payer}}",
            "{{#invoices}}{{#account}}{{account}} of {{payer}}{{/account}}{{/invoices}}",
            "{{#invoice}}{{number}}{{/invoice}}", "{{#issuer.tax_id}}{{issuer.tax_id}}{{/issuer.tax_id}}",
            "{{ payer }}",
        ]
    )
    func guarded(_ text: String) throws {
        #expect(try TemplateFolderOfTest.problems(Self.head + "Text " + text) == [])
    }

    @Test("A missing part, a second line of the subject, an unknown part and a part twice are problems")
    func parts() throws {
        #expect(
            try TemplateFolderOfTest.problems("=== subject\nFinal\n") == [
                "global/en/final.mustache: the part sms is missing; add a line === sms and the text below it",
                "global/en/final.mustache: the part text is missing; add a line === text and the text below it",
            ]
        )
        #expect(
            try TemplateFolderOfTest.problems("=== subject\nFinal\nnotice\n=== text\nx\n=== sms\ny\n")
                == ["global/en/final.mustache:3:1: the subject has a second line; a subject is one line"]
        )
        let unknown = try TemplateFolderOfTest.problems(Self.head + "x\n=== telegramm\ny\n")
        #expect(unknown.first?.hasPrefix("global/en/final.mustache:7:5: there is no part \"telegramm\"") == true)
        #expect(unknown.first?.contains("did you mean \"telegram\"?") == true)
        let twice = try TemplateFolderOfTest.problems(Self.head + "x\n=== sms\ny\n")
        #expect(twice == ["global/en/final.mustache:7:5: the part sms stands here for a second time; take one away"])
        let stray = try TemplateFolderOfTest.problems("# a note\nHello\n" + Self.head + "x\n")
        #expect(
            stray.first?.hasPrefix("global/en/final.mustache:2:1: this line belongs to no part") == true,
            "\(stray)"
        )
    }

    @Test("A file with the line ends of Windows is read like any other, with the right places")
    func windows() throws {
        let good = Self.head + "Dear {{payer}}\n"
        #expect(try TemplateFolderOfTest.problems(good.replacing("\n", with: "\r\n")) == [])
        let bad = Self.head + "Dear\n{{payr}}\n"
        let found = try TemplateFolderOfTest.problems(bad.replacing("\n", with: "\r\n"))
        #expect(found.first?.hasPrefix("global/en/final.mustache:7:1: there is no payr here") == true, "\(found)")
    }

    @Test("An SMS of more than six parts is a problem where it stands")
    func longSMS() throws {
        let text = "=== subject\nFinal\n=== text\nx\n=== sms\n" + String(repeating: "ក", count: 67 * 6 + 1) + "\n"
        let found = try TemplateFolderOfTest.problems(text)
        #expect(
            found == [
                "global/en/final.mustache:6:1: an SMS of it has 7 parts of 67 characters, and 6 are the limit; shorten the part sms"
            ]
        )
    }

    @Test("A subject that comes out empty with one of the samples is a problem")
    func emptySubject() throws {
        let text = "=== subject\n{{#several}}Final{{/several}}\n=== sms\nPay\n=== text\nx\n"
        let found = try TemplateFolderOfTest.problems(text)
        #expect(found.contains { $0.contains("with the sample whole, the subject came out empty") }, "\(found)")
    }

    @Test("A file that is no template, a folder that is no locale and a file that is no text are problems")
    func names() throws {
        let misspelt = try TemplateFolderOfTest.problems("x", name: "global/en/finel.mustache")
        #expect(
            misspelt.first?.hasPrefix(
                "global/en/finel.mustache: finel.mustache is no template; did you mean \"final\"?"
            ) == true
        )
        let ending = try TemplateFolderOfTest.problems("x", name: "global/en/final.txt")
        #expect(ending.first?.contains("templates are named CATEGORY.mustache") == true)
        let locale = try TemplateFolderOfTest.problems("x", name: "global/English/final.mustache")
        #expect(locale.first?.hasPrefix("global/English: English is no locale") == true)
        let stray = try TemplateFolderOfTest.problems("x", name: "en/final.mustache")
        #expect(stray.first?.hasPrefix("en: en is not looked for here") == true)
    }

    @Test("A layout without its content, or with it escaped, is a problem")
    func layout() throws {
        let none = try TemplateFolderOfTest.problems(
            "=== text\nx\n=== html\n{{{content}}}\n",
            name: "global/en/layout.mustache"
        )
        #expect(
            none == [
                "global/en/layout.mustache:2:1: a layout shows its content once in each part; write {{{content}}} where the message goes"
            ]
        )
        let escaped = try TemplateFolderOfTest.problems(
            "=== text\n{{{content}}}\n=== html\n{{content}}\n",
            name: "tenants/acme/km/layout.mustache"
        )
        #expect(escaped == ["tenants/acme/km/layout.mustache:4:1: content is HTML already; write {{{content}}}"])
    }

    @Test("A folder that is not there is a problem, and no template is")
    func absent() {
        #expect(throws: TemplateProblems.self) { try TemplateBook.load(folder: "/nonexistent/templates") }
    }
}
