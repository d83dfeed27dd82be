// The secret of an installation with which digests of hidden fields are made.

import Crypto
import MartletJobs
import MartletRedis

extension JobStore {
    /// Reads the secret; makes it at the first time, so that all processes have the same one.
    ///
    /// - Returns: 32 random bytes.
    /// - Throws: ``QueueError``.
    package func redactionKey() async throws(QueueError) -> [UInt8] {
        let new = SymmetricKey(size: .bits256).withUnsafeBytes { Hex.text(of: Array($0)) }
        _ = try await command("HSETNX", globalKey, "redaction_key", new)
        let stored = try await command("HGET", globalKey, "redaction_key")
        guard let key = stored.string.flatMap({ Hex.bytes($0[...]) }), key.count == 32 else {
            throw .broken("the redaction key", stored)
        }
        return key
    }
}
