import Testing

@testable import Notices

@Suite("The shipped templates")
struct TemplateShippedTests {
    static let categories = NoticeCatalogue.categories.map(\.name)

    @Test("Every category has subject, text, HTML, Telegram and SMS in Khmer and in English", arguments: categories)
    func complete(_ category: String) throws {
        let book = try TemplateBook.shipped
        for locale in ["km", "en"] {
            let file = try #require(book.files[TemplateBook.Key(tenant: nil, locale: locale, name: category)])
            for part in [TemplatePart.subject, .text, .html, .telegram, .sms] {
                #expect(file.parts[part] != nil, "\(locale) \(category) \(part)")
            }
        }
    }

    @Test(
        "Every category says something on every channel with every sample, and leaves no mark of a template",
        arguments: categories
    )
    func everything(_ category: String) throws {
        let book = try TemplateBook.shipped
        for locale in ["km", "en"] {
            for sample in TemplateSample.allCases {
                for channel in NoticeChannel.allCases {
                    let facts = try NoticeFacts.sample(category, sample, locale: locale)
                    let (notice, fellBack) = try book.render(
                        category: category,
                        channel: channel,
                        tenant: "acme",
                        locale: locale,
                        facts: facts
                    )
                    #expect(fellBack == nil && notice.source == "global/\(locale)/\(category)")
                    let words = [notice.subject ?? "", notice.text, notice.html ?? ""].joined()
                    #expect(!words.contains("{{") && !words.contains("}}") && !words.contains("==="), "\(words)")
                    #expect((notice.html != nil) == (channel == .email))
                    #expect((notice.subject != nil) == [.email, .webhook, .operator].contains(channel))
                    #expect(notice.version.count == 64)
                }
            }
        }
    }

    @Test("The Khmer ones are in Khmer, and the English ones in letters that an SMS has", arguments: categories)
    func languages(_ category: String) throws {
        let book = try TemplateBook.shipped
        let khmer = try book.render(
            category: category,
            channel: .email,
            tenant: nil,
            locale: "km",
            facts: try .sample(category, locale: "km")
        ).notice
        let letters = khmer.text.unicodeScalars.count { (0x1780...0x17FF).contains($0.value) }
        #expect(letters > 30, "\(khmer.text)")
        for channel in [NoticeChannel.sms, .telegram] {
            let english = try book.render(
                category: category,
                channel: channel,
                tenant: nil,
                locale: "en",
                facts: try .sample(category)
            ).notice
            #expect(SMSParts(english.text).encoding == .gsm7, "\(english.text)")
        }
    }

    @Test("An English SMS of one invoice is at most two parts, a Khmer one at most four", arguments: categories)
    func smsLength(_ category: String) throws {
        let book = try TemplateBook.shipped
        for (locale, most) in [("en", 2), ("km", 4)] {
            let facts = try NoticeFacts.sample(category, locale: locale)
            let sms = try book.render(category: category, channel: .sms, tenant: nil, locale: locale, facts: facts)
                .notice
            #expect(SMSParts(sms.text).count <= most, "\(sms.text)")
        }
    }

    static let asking = [
        "courtesy", "due_soon", "overdue", "final", "expiry_warning", "invoice_issued", "subscription_suspended",
    ]

    @Test(
        "What asks for money shows the KHQR in HTML, and says number, amount and account on every channel",
        arguments: asking
    )
    func payment(_ category: String) throws {
        let book = try TemplateBook.shipped
        for locale in ["km", "en"] {
            let facts = try NoticeFacts.sample(category, locale: locale)
            for channel in [NoticeChannel.email, .telegram, .sms] {
                let notice = try book.render(
                    category: category,
                    channel: channel,
                    tenant: nil,
                    locale: locale,
                    facts: facts
                ).notice
                #expect(notice.text.contains(locale == "km" ? "12.50$" : "$12.50"), "\(notice.text)")
                #expect(notice.text.contains("shop@bank"), "\(notice.text)")
                if channel != .sms { #expect(notice.text.contains("INV-2026-00199"), "\(notice.text)") }
                if channel == .email {
                    #expect(notice.html?.contains("src=\"cid:khqr-41@bursar\"") == true)
                    #expect(notice.pictures.map(\.contentID) == ["khqr-41@bursar"])
                    #expect(notice.pictures[0].png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
                } else {
                    #expect(notice.pictures.isEmpty)
                }
            }
        }
    }

    @Test("A shipped template passes what is asked of those of a folder", arguments: categories)
    func tried(_ name: String) throws {
        let book = try TemplateBook.shipped
        let category = try #require(NoticeCatalogue.category(named: name))
        for locale in ["km", "en"] {
            let key = TemplateBook.Key(tenant: nil, locale: locale, name: name)
            let file = try #require(book.files[key])
            let layout = book.layout(for: key, tenant: nil).file
            let trial = TemplateTrial(key: key, file: file, layout: layout, category: category, path: "x")
            #expect(trial.problems() == [])
        }
    }

    @Test("Only what can be declined shows how, and only where there is a link")
    func unsubscribe() throws {
        let book = try TemplateBook.shipped
        for category in NoticeCatalogue.categories {
            var facts = try NoticeFacts.sample(category.name)
            facts.unsubscribe = category.class == .optional ? "https://pay.example.com/u/1?a=b&c=d" : nil
            let mail = try book.render(
                category: category.name,
                channel: .email,
                tenant: nil,
                locale: "en",
                facts: facts
            ).notice
            #expect(mail.text.contains("https://pay.example.com/u/1?a=b&c=d") == (category.class == .optional))
            #expect(mail.html?.contains("https://pay.example.com/u/1?a=b&amp;c=d") == (category.class == .optional))
        }
    }
}
