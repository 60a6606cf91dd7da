import CivilTime

/// Schemes with secrets of the vectors, and the batch form after them: the first byte of an input picks one.
private let verifiers: [(SignatureScheme, SignatureVerifier)] = {
    let secrets: [(SignatureScheme, [String])] = [
        (
            .standardWebhooks,
            [
                "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
                "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
            ]
        ),
        (.stripe, ["whsec_test_bursar_5f2b1c7d9e"]), (.github, ["It's a Secret to Everybody"]),
        (.payway, ["test-payway-api-key"]), (.generic(.plain), ["relay-secret"]),
    ]
    return secrets.compactMap { scheme, texts in
        let verifier = try? SignatureVerifier(scheme: scheme, secrets: texts.map { WebhookSecret($0) })
        return verifier.map { (scheme, $0) }
    }
}()

/// Judges one input of libFuzzer: a byte that picks the scheme, a line for each of its headers, and the body; or a line
/// of the batch form; or a secret and a template.
@_cdecl("LLVMFuzzerTestOneInput")
public func judge(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    var input = Array(UnsafeBufferPointer(start: data, count: size))[...]
    guard let choice = input.popFirst() else { return 0 }
    let now = Instant(secondsSinceEpoch: 1_769_580_000)
    switch Int(choice) % (verifiers.count + 2) {
    case verifiers.count:
        let answer = webhooksVerifyJSONLine(String(decoding: input, as: UTF8.self), now: now)
        precondition(answer.hasPrefix("{\"valid\":") || answer.hasPrefix("{\"error\":"), "an answer of another form")
        precondition(!answer.utf8.contains(0x0A), "an answer of two lines")
    case verifiers.count + 1:
        let text = String(decoding: input, as: UTF8.self)
        for (scheme, _) in verifiers { _ = try? SignatureVerifier(scheme: scheme, secrets: [WebhookSecret(text)]) }
        _ = try? GenericHMAC(timestampHeader: "X-Time", idHeader: "X-Id", signedContent: text)
        _ = try? GenericHMAC(signatureHeader: text)
    case let place:
        let (scheme, verifier) = verifiers[place]
        var headers: [(name: String, value: String)] = []
        for name in scheme.headers {
            let value = input.prefix { $0 != 0x0A }
            headers.append((name: name, value: String(decoding: value, as: UTF8.self)))
            input = input.dropFirst(value.count + 1)
        }
        let post = ReceivedPost(headers: headers, body: Array(input))
        let verdict = verifier.verdict(on: post, at: now)
        precondition(verdict.isValid == (verdict.secretFingerprint != nil), "valid under no secret")
        precondition(verdict.claimedID.map { (1...255).contains($0.utf8.count) } ?? true, "an id beyond its bounds")
        // No memory: the same question has the same answer.
        precondition(verifier.verdict(on: post, at: now) == verdict, "two verdicts on one post")
    }
    return 0
}
