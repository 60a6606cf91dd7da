/// All templates, shipped and of a folder, parsed once.
///
/// What is looked for first is the tenant's own template in the locale asked for, then the tenant's in its default locale,
/// then the house's in the locale asked for, and at last the house's English one. A locale such as `km-KH` is asked for
/// as itself, then as `km`.
package struct TemplateBook: Sendable {
    /// Where a template stands.
    struct Key: Hashable, Sendable {
        /// The name of the tenant's folder; nil for the house's.
        var tenant: String?
        var locale: String
        /// A category, or `layout`.
        var name: String

        /// `global/km/final`, `tenants/acme/km/final`.
        var source: String { "\(tenant.map { "tenants/\($0)" } ?? "global")/\(locale)/\(name)" }
    }

    /// Ready to render.
    private(set) var files: [Key: TemplateFile]
    /// Why a template of the folder is not used.
    private(set) var broken: [Key: String]

    init(files: [Key: TemplateFile], broken: [Key: String] = [:]) {
        (self.files, self.broken) = (files, broken)
    }

    /// How many there are, the shipped ones included.
    package var count: Int { files.count }

    /// Says a notice in words.
    ///
    /// A template that cannot be used (its file has an error, its subject came out empty) is passed over for the next in
    /// order, down to the house's English one; `fellBack` then says which and why, for an alarm. Nothing is ever said
    /// in half.
    ///
    /// A step of a dunning policy may name a template of its own; where there is none of that name the category's say it.
    ///
    /// The tenant is named by its external reference, where it has one; locales are language tags: `locale` the payer's,
    /// `tenantLocale` the tenant's default.
    ///
    /// - Returns: the words, and why not those of the first template that is there.
    /// - Throws: the category is unknown, the facts lack what it speaks of, or no template can say it.
    package func render(
        category name: String,
        template: String? = nil,
        channel: NoticeChannel,
        tenant: String?,
        locale: String,
        tenantLocale: String? = nil,
        facts: NoticeFacts
    ) throws(TemplateError) -> (notice: RenderedNotice, fellBack: String?) {
        guard let category = NoticeCatalogue.category(named: name) else {
            throw TemplateError(.unknownCategory, "there is no category of notices named \(name)")
        }
        var passedOver: [String] = []
        var order = Self.order(of: name, tenant: tenant, locale: locale, tenantLocale: tenantLocale)
        if let template, template != name {
            let own = Self.order(of: template, tenant: tenant, locale: locale, tenantLocale: tenantLocale)
            if !own.contains(where: { files[$0] != nil || broken[$0] != nil }) {
                passedOver.append("there is no template \(template)")
            }
            order = own + order
        }
        for key in order {
            if let reason = broken[key] { passedOver.append("\(key.source): \(reason)") }
            guard let file = files[key] else { continue }
            let frame = layout(for: key, tenant: tenant)
            let rendering = TemplateRendering(file: file, layout: frame.file, category: category, locale: key.locale)
            do throws(TemplateError) {
                let notice = try rendering.notice(on: channel, facts)
                if channel == .email { passedOver += frame.passedOver }
                let fellBack =
                    passedOver.isEmpty ? nil : passedOver.joined(separator: "; ") + "; \(notice.source) was used"
                return (notice, fellBack)
            } catch {
                guard error.reason == .unusable else { throw error }
                passedOver.append("\(key.source): \(error.message)")
            }
        }
        throw TemplateError(.unusable, "no template of \(name) can say it: \(passedOver.joined(separator: "; "))")
    }

    /// Where the template of a category is looked for, without what stands there twice.
    static func order(of name: String, tenant: String?, locale: String, tenantLocale: String?) -> [Key] {
        var order: [Key] = []
        func add(_ tenant: String?, _ locale: String) {
            for tag in tags(of: locale) {
                let key = Key(tenant: tenant, locale: tag, name: name)
                if !order.contains(key) { order.append(key) }
            }
        }
        if let tenant = tenant.map(TemplateFolder.name(of:)) {
            add(tenant, locale)
            if let tenantLocale { add(tenant, tenantLocale) }
        }
        add(nil, locale)
        add(nil, "en")
        return order
    }

    /// `km-KH`, then `km`.
    private static func tags(of locale: String) -> [String] {
        let tag = locale.lowercased().replacing("_", with: "-")
        let language = String(tag.prefix { $0 != "-" })
        return tag == language ? [tag] : [tag, language]
    }

    /// The frame for a template: the tenant's in the template's language where there is one, else the house's; and which
    /// ones are not usable.
    func layout(for key: Key, tenant: String?) -> (file: TemplateFile?, passedOver: [String]) {
        let order = Self.order(of: TemplateFile.layoutName, tenant: tenant, locale: key.locale, tenantLocale: nil)
        var passedOver: [String] = []
        for place in order {
            if let reason = broken[place] { passedOver.append("\(place.source): \(reason)") }
            if let file = files[place] { return (file, passedOver) }
        }
        return (nil, passedOver)
    }
}

extension TemplateBook {
    /// The locales that there are templates in, for a tenant or the house; Khmer and English first.
    package func locales(for tenant: String?) -> [String] {
        let folder = tenant.map(TemplateFolder.name(of:))
        let all = Set(files.keys.filter { $0.tenant == nil || $0.tenant == folder }.map(\.locale))
        return ["km", "en"] + all.subtracting(["km", "en"]).sorted()
    }
}
