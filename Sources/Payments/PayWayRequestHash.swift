internal import COpenSSL
internal import FoundationEssentials

/// The hash that ABA PayWay wants in each request, in its field `hash`: the base64 of HMAC-SHA512,
/// under the merchant's API key, over the values in the order that PayWay's page of the call names them.
package enum PayWayRequestHash {
    /// The hash of a request.
    ///
    /// - Parameters:
    ///   - values: the request's values by name, as the texts that are sent: `1.0` and `1.00` give different hashes.
    ///   - order: the names in the documented order of the call. One without a value counts as empty; a value whose name
    ///     is not among them is not signed.
    ///   - key: the merchant's API key.
    /// - Returns: the text for the request's field; nil where OpenSSL refuses.
    package static func text(of values: [String: String], order: [String], key: String) -> String? {
        let message = Array(order.map { values[$0] ?? "" }.joined().utf8)
        let key = Array(key.utf8)
        guard let keyLength = Int32(exactly: key.count) else { return nil }
        var hash = [UInt8](repeating: 0, count: Int(SHA512_DIGEST_LENGTH))
        var length: UInt32 = 0
        guard HMAC(EVP_sha512(), key, keyLength, message, message.count, &hash, &length) != nil,
            Int(length) == hash.count
        else { return nil }
        return Data(hash).base64EncodedString()
    }
}
