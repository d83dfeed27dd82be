// The tokens that are valid at this moment: replaced as a whole while requests come in.

import Synchronization

/// The tokens that a server accepts now.
///
/// Each request looks here, so a token that a new table does not have is refused from then on.
public final class TokenSource: Sendable {
    private let table: Mutex<TokenTable>

    /// A source that begins with these tokens.
    public init(_ table: TokenTable) { self.table = Mutex(table) }

    /// The tokens that are valid now.
    public var current: TokenTable { table.withLock { $0 } }

    /// Makes these tokens, and no others, the valid ones.
    public func replace(with table: TokenTable) { self.table.withLock { $0 = table } }
}
