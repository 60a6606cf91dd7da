/// What tenants' endpoints may be, and how long they may fail.
package struct EndpointSettings: Sendable, Equatable {
    /// Whether an endpoint may lie in a private network or on this machine: only where every tenant is trusted.
    package var allowsPrivate: Bool
    /// Whether `http` is spoken: what is signed is then read by everybody on the way.
    package var allowsPlainText: Bool
    package var timeout: Duration
    /// An endpoint that did nothing but fail for so long is written to no more.
    package var disableAfter: Duration

    package init(
        allowsPrivate: Bool = false,
        allowsPlainText: Bool = false,
        timeout: Duration = .seconds(15),
        disableAfter: Duration = .seconds(5 * 86_400)
    ) {
        self.allowsPrivate = allowsPrivate
        self.allowsPlainText = allowsPlainText
        self.timeout = timeout
        self.disableAfter = disableAfter
    }
}
