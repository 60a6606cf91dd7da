internal import KHQR

/// The KHQR of an invoice as a picture inside of an HTML part.
enum TemplatePicture {
    /// RFC 2392: unique within the message and the house.
    static func contentID(of invoice: NoticeFacts.Invoice) -> String { "khqr-\(invoice.id)@bursar" }

    /// The pictures that an HTML text shows, each code drawn once.
    ///
    /// - Throws: a text that no QR picture holds.
    static func all(
        of invoices: [NoticeFacts.Invoice],
        shownIn html: String
    ) throws(TemplateError) -> [RenderedNotice.InlinePicture] {
        guard html.contains("cid:") else { return [] }
        var drawn: [String: [UInt8]] = [:]
        var pictures: [RenderedNotice.InlinePicture] = []
        for invoice in invoices {
            let contentID = contentID(of: invoice)
            guard let qr = invoice.qr, html.contains("cid:\(contentID)") else { continue }
            var png = drawn[qr] ?? []
            if png.isEmpty { png = try self.png(of: qr, number: invoice.number) }
            drawn[qr] = png
            pictures.append(RenderedNotice.InlinePicture(contentID: contentID, png: png))
        }
        return pictures
    }

    private static func png(of qr: String, number: String) throws(TemplateError) -> [UInt8] {
        do throws(QRPicture.Failure) {
            return try QRPicture(of: qr).png(scale: 6)
        } catch {
            throw TemplateError(.unusable, "the KHQR of invoice \(number) cannot be drawn: \(error.message)")
        }
    }
}
