/// The templates of the house that come with the program.
enum ShippedTemplates {
    struct File: Sendable {
        let locale: String
        /// A category, or `layout`.
        let name: String
        let bytes: [UInt8]

        /// Its name in the folder `Templates` of this room.
        var file: String { "\(locale).\(name).mustache" }
    }

    static let all = khmer + english

    private static let khmer = [
        File(locale: "km", name: "layout", bytes: PackageResources.km_layout_mustache),
        File(locale: "km", name: "courtesy", bytes: PackageResources.km_courtesy_mustache),
        File(locale: "km", name: "due_soon", bytes: PackageResources.km_due_soon_mustache),
        File(locale: "km", name: "overdue", bytes: PackageResources.km_overdue_mustache),
        File(locale: "km", name: "final", bytes: PackageResources.km_final_mustache),
        File(locale: "km", name: "expiry_warning", bytes: PackageResources.km_expiry_warning_mustache),
        File(locale: "km", name: "invoice_issued", bytes: PackageResources.km_invoice_issued_mustache),
        File(locale: "km", name: "payment_received", bytes: PackageResources.km_payment_received_mustache),
        File(locale: "km", name: "payment_mismatched", bytes: PackageResources.km_payment_mismatched_mustache),
        File(locale: "km", name: "payment_returned", bytes: PackageResources.km_payment_returned_mustache),
        File(locale: "km", name: "subscription_suspended", bytes: PackageResources.km_subscription_suspended_mustache),
        File(
            locale: "km",
            name: "subscription_reactivated",
            bytes: PackageResources.km_subscription_reactivated_mustache
        ),
        File(locale: "km", name: "subscription_ended", bytes: PackageResources.km_subscription_ended_mustache),
        File(locale: "km", name: "operations", bytes: PackageResources.km_operations_mustache),
    ]
    private static let english = [
        File(locale: "en", name: "layout", bytes: PackageResources.en_layout_mustache),
        File(locale: "en", name: "courtesy", bytes: PackageResources.en_courtesy_mustache),
        File(locale: "en", name: "due_soon", bytes: PackageResources.en_due_soon_mustache),
        File(locale: "en", name: "overdue", bytes: PackageResources.en_overdue_mustache),
        File(locale: "en", name: "final", bytes: PackageResources.en_final_mustache),
        File(locale: "en", name: "expiry_warning", bytes: PackageResources.en_expiry_warning_mustache),
        File(locale: "en", name: "invoice_issued", bytes: PackageResources.en_invoice_issued_mustache),
        File(locale: "en", name: "payment_received", bytes: PackageResources.en_payment_received_mustache),
        File(locale: "en", name: "payment_mismatched", bytes: PackageResources.en_payment_mismatched_mustache),
        File(locale: "en", name: "payment_returned", bytes: PackageResources.en_payment_returned_mustache),
        File(locale: "en", name: "subscription_suspended", bytes: PackageResources.en_subscription_suspended_mustache),
        File(
            locale: "en",
            name: "subscription_reactivated",
            bytes: PackageResources.en_subscription_reactivated_mustache
        ),
        File(locale: "en", name: "subscription_ended", bytes: PackageResources.en_subscription_ended_mustache),
        File(locale: "en", name: "operations", bytes: PackageResources.en_operations_mustache),
    ]
}
