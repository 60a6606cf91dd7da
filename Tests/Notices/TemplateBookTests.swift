import Testing

@testable import Notices

@Suite("Which template says it")
struct TemplateBookTests {
    private func file(_ subject: String, text: String = "Text", html: String? = nil) -> String {
        "=== subject\n\(subject)\n=== text\n\(text)\n=== sms\nPay\n" + (html.map { "=== html\n\($0)\n" } ?? "")
    }

    private func subject(
        _ files: [String: String],
        tenant: String? = "acme",
        locale: String,
        tenantLocale: String? = "km"
    ) throws -> String? {
        try TemplateFolderOfTest.with(files) { folder in
            let book = try TemplateBook.load(folder: folder)
            let facts = try NoticeFacts.sample("final")
            return try book.render(
                category: "final",
                channel: .email,
                tenant: tenant,
                locale: locale,
                tenantLocale: tenantLocale,
                facts: facts
            ).notice.subject
        }
    }

    @Test("The tenant's comes first, then its default locale, then the house's, then English")
    func order() throws {
        var files = [
            "tenants/acme/fr/final.mustache": file("tenant fr"), "tenants/acme/km/final.mustache": file("tenant km"),
            "global/fr/final.mustache": file("house fr"), "global/en/final.mustache": file("house en"),
            "tenants/other/fr/final.mustache": file("other"),
        ]
        #expect(try subject(files, locale: "fr") == "tenant fr")
        #expect(try subject(files, locale: "fr-CA") == "tenant fr")
        files["tenants/acme/fr/final.mustache"] = nil
        #expect(try subject(files, locale: "fr") == "tenant km")
        #expect(try subject(files, tenant: nil, locale: "fr") == "house fr")
        #expect(try subject(files, tenant: "third", locale: "fr") == "house fr")
        files["tenants/acme/km/final.mustache"] = nil
        #expect(try subject(files, locale: "fr") == "house fr")
        files["global/fr/final.mustache"] = nil
        #expect(try subject(files, locale: "fr") == "house en")
        #expect(try subject(files, locale: "de") == "house en")
    }

    @Test("A tenant whose reference looks like a path has a folder all the same, and reaches no other")
    func references() throws {
        let files = [
            "tenants/a%2Fb%25/en/final.mustache": file("its own"), "tenants/b/en/final.mustache": file("another's"),
        ]
        #expect(try subject(files, tenant: "a/b%", locale: "en") == "its own")
        #expect(try subject(files, tenant: "../tenants/b", locale: "en")?.hasPrefix("Final notice") == true)
    }

    @Test("A tenant's template that has an error is passed over for the house's, and that is told")
    func broken() throws {
        try TemplateFolderOfTest.with(["tenants/acme/en/final.mustache": file("{{payr}}")]) { folder in
            let (book, problems) = TemplateBook.loadUsable(folder: folder)
            #expect(problems.count == 1)
            let facts = try NoticeFacts.sample("final")
            let (notice, fellBack) = try book.render(
                category: "final",
                channel: .email,
                tenant: "acme",
                locale: "en",
                facts: facts
            )
            #expect(notice.source == "global/en/final" && notice.subject?.hasPrefix("Final notice") == true)
            #expect(fellBack?.hasPrefix("tenants/acme/en/final: ") == true)
            #expect(fellBack?.contains("there is no payr here; global/en/final was used") == true, "\(fellBack ?? "")")
            let other = try book.render(category: "final", channel: .email, tenant: "other", locale: "en", facts: facts)
            #expect(other.fellBack == nil)
        }
    }

    @Test("The house's own template with an error is passed over for the shipped one")
    func brokenHouse() throws {
        try TemplateFolderOfTest.with(["global/km/final.mustache": "=== subject\nx\n"]) { folder in
            let book = TemplateBook.loadUsable(folder: folder).book
            let facts = try NoticeFacts.sample("final", locale: "km")
            let (notice, fellBack) = try book.render(
                category: "final",
                channel: .sms,
                tenant: nil,
                locale: "km",
                facts: facts
            )
            #expect(notice.text.contains("ជូនដំណឹងចុងក្រោយ"))
            #expect(fellBack?.contains("the part sms is missing") == true)
        }
    }

    @Test("A template whose subject comes out empty at the moment of sending is passed over")
    func emptyAtSending() throws {
        // With every sample the payer has a name.
        try TemplateFolderOfTest.with(["tenants/acme/en/final.mustache": file("{{payer}}")]) { folder in
            let book = try TemplateBook.load(folder: folder)
            var facts = try NoticeFacts.sample("final")
            facts.payer = " \r\n"
            let (notice, fellBack) = try book.render(
                category: "final",
                channel: .email,
                tenant: "acme",
                locale: "en",
                facts: facts
            )
            #expect(notice.source == "global/en/final")
            #expect(fellBack == "tenants/acme/en/final: the subject came out empty; global/en/final was used")
        }
    }

    @Test("A layout of the tenant is around the house's templates too, and its change is another version")
    func layout() throws {
        let layout = "=== text\n{{{content}}}\n-- Acme\n=== html\n<main>{{{content}}}</main>\n"
        try TemplateFolderOfTest.with(["tenants/acme/km/layout.mustache": layout]) { folder in
            let book = try TemplateBook.load(folder: folder)
            let facts = try NoticeFacts.sample("overdue")
            func mail(_ tenant: String?, _ locale: String, _ channel: NoticeChannel = .email) throws -> RenderedNotice {
                try book.render(category: "overdue", channel: channel, tenant: tenant, locale: locale, facts: facts)
                    .notice
            }
            #expect(try mail("acme", "km").text.hasSuffix("-- Acme\n"))
            #expect(try mail("acme", "km").html?.hasPrefix("<main><p>") == true)
            #expect(try !mail("acme", "en").text.contains("-- Acme"))
            #expect(try !mail("acme", "km", .sms).text.contains("-- Acme"))
            #expect(try mail("acme", "km").version != mail(nil, "km").version)
            #expect(try mail("acme", "km", .sms).version == mail(nil, "km", .sms).version)
        }
    }

    @Test("A name with markup in it stands in HTML as text, and in text as it is")
    func escaping() throws {
        let book = try TemplateBook.shipped
        var facts = try NoticeFacts.sample("overdue")
        facts.payer = "<b>\"O'Neil\" & Sons</b>"
        let mail = try book.render(category: "overdue", channel: .email, tenant: nil, locale: "en", facts: facts).notice
        #expect(mail.text.hasPrefix("Dear <b>\"O'Neil\" & Sons</b>,"))
        #expect(mail.html?.contains("Dear &lt;b&gt;&quot;O&#39;Neil&quot; &amp; Sons&lt;/b&gt;,") == true)
        facts.payer = "{{issuer.name}}"
        let again = try book.render(category: "overdue", channel: .email, tenant: nil, locale: "en", facts: facts)
            .notice
        #expect(again.text.hasPrefix("Dear {{issuer.name}},"))
    }

    @Test("A name can neither begin a line nor turn the direction of what follows it")
    func oneLine() throws {
        let book = try TemplateBook.shipped
        var facts = try NoticeFacts.sample("invoice_issued")
        facts.tenant = "Mekong\r\nBcc: x\u{202E}\u{2028}\u{85}Coffee"
        let mail = try book.render(category: "invoice_issued", channel: .email, tenant: nil, locale: "en", facts: facts)
            .notice
        #expect(mail.subject?.contains("Mekong  Bcc: x   Coffee") == true, "\(mail.subject ?? "")")
        #expect(!mail.text.contains("\nBcc"))
    }

    @Test("Facts that lack what a category speaks of are refused whatever the template is")
    func missingFacts() throws {
        let book = try TemplateBook.shipped
        for category in NoticeCatalogue.categories {
            var facts = try NoticeFacts.sample(category.name)
            (facts.invoices, facts.payment, facts.subscription, facts.event) = ([], nil, nil, nil)
            #expect {
                try book.render(category: category.name, channel: .email, tenant: nil, locale: "km", facts: facts)
            } throws: {
                ($0 as? TemplateError)?.reason == .missingFacts
            }
        }
        let facts = try NoticeFacts.sample("final")
        #expect { try book.render(category: "fnal", channel: .sms, tenant: nil, locale: "km", facts: facts) } throws: {
            ($0 as? TemplateError)?.reason == .unknownCategory
        }
    }

    @Test("A code that no picture holds is never half a message: there is none")
    func undrawable() throws {
        let book = try TemplateBook.shipped
        var facts = try NoticeFacts.sample("final")
        facts.invoices[0].qr = String(repeating: "a", count: 4_000)
        #expect {
            try book.render(category: "final", channel: .email, tenant: nil, locale: "en", facts: facts)
        } throws: {
            ($0 as? TemplateError)?.message.contains("the KHQR of invoice INV-2026-00199 cannot be drawn") == true
        }
        let sms = try book.render(category: "final", channel: .sms, tenant: nil, locale: "en", facts: facts).notice
        #expect(sms.text.contains("INV-2026-00199"))
    }

    @Test("Several invoices are one message with each of them, their sum by currency")
    func digest() throws {
        let book = try TemplateBook.shipped
        let facts = try NoticeFacts.sample("overdue", .several)
        let mail = try book.render(category: "overdue", channel: .email, tenant: nil, locale: "en", facts: facts).notice
        #expect(mail.subject == "2 invoices: payment is overdue")
        #expect(mail.text.contains("- Invoice INV-2026-00199: $12.50, due on 7 November 2026 (2 days overdue)\n"))
        #expect(mail.text.contains("- Invoice INV-2026-00207: KHR 20,400, due on 10 November 2026\n"))
        let sms = try book.render(category: "overdue", channel: .sms, tenant: nil, locale: "en", facts: facts).notice
        #expect(sms.text.contains("2 invoices, KHR 20,400 and $12.50, is overdue"))
    }

    @Test("What one invoice lacks is not taken from another around it")
    func noClimbing() throws {
        let text =
            "{{#invoice}}{{#invoices}}{{number}}:{{#days_overdue}}{{days_overdue}}{{/days_overdue}} {{/invoices}}{{/invoice}}"
        let files = ["global/en/overdue.mustache": file("Late", text: text)]
        try TemplateFolderOfTest.with(files) { folder in
            let book = try TemplateBook.load(folder: folder)
            let facts = try NoticeFacts.sample("overdue", .several)
            let sms = try book.render(category: "overdue", channel: .webhook, tenant: nil, locale: "en", facts: facts)
            #expect(sms.notice.text == "INV-2026-00199:2 days INV-2026-00207:")
        }
    }
}
