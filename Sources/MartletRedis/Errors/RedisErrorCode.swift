// The kinds of transport errors: what each usually means for the request, and what to do about it.

extension RedisError {
    /// The kind of an error.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// There was no connection for as long as the request could wait.
        case notConnected
        /// A connection could not be made.
        case connectionFailed
        /// The server refused the user or the password, or asks for one.
        case authentication
        /// The connection was lost while the request was under way.
        case connectionLost
        /// No reply came in time.
        case timeout
        /// The task that waited was cancelled.
        case cancelled
        /// The server is loading its data (LOADING).
        case loading
        /// The server is busy with a script (BUSY).
        case busy
        /// Somebody ended the script before it had written anything (SCRIPT KILL).
        case killed
        /// The server is a read-only replica (READONLY).
        case readOnly
        /// The replica has lost its primary (MASTERDOWN).
        case masterDown
        /// The cluster is down (CLUSTERDOWN).
        case clusterDown
        /// The cluster moves these keys just now (TRYAGAIN).
        case tryAgain
        /// The keys live on another server (MOVED, ASK).
        case moved
        /// A cluster's server was asked for keys of several slots at once (CROSSSLOT).
        case crossSlot
        /// Too few replicas are in reach (NOREPLICAS).
        case noReplicas
        /// The server cannot persist and takes no writes (MISCONF).
        case misconfigured
        /// The server's memory is full (OOM).
        case outOfMemory
        /// The server does not know the script (NOSCRIPT).
        case noScript
        /// The user may not do this (NOPERM).
        case noPermission
        /// The bytes from the server are not RESP2, or a reply is too large.
        case protocolError
        /// Any other error reply.
        case serverError
        /// The Redis URL cannot be understood.
        case invalidURL
        /// The client has been shut down.
        case closed

        /// What an error of this kind usually says about the request.
        public var usualOutcome: Outcome {
            switch self {
            case .connectionLost, .timeout, .protocolError: .unknown
            case .noPermission, .serverError: .verdict
            case .notConnected, .connectionFailed, .authentication, .cancelled, .loading, .busy, .killed, .readOnly,
                .masterDown, .clusterDown, .tryAgain, .moved, .crossSlot, .noReplicas, .misconfigured, .outOfMemory,
                .noScript,
                .invalidURL, .closed:
                .notExecuted
            }
        }

        /// What someone who reads the error can do, in one sentence.
        public var advice: String {
            switch self {
            case .notConnected: "Check that Redis runs at the configured URL and that the client's run() is running."
            case .connectionFailed:
                "Check the Redis URL, that the server runs there, and its bind, port and TLS settings."
            case .authentication: "Check the user and the password in the Redis URL against the server's ACL."
            case .connectionLost: "The client reconnects by itself; repeat the request if it is idempotent."
            case .timeout: "Look at the server's load and SLOWLOG, or raise the command timeout."
            case .cancelled: "Nothing to do: the caller gave up."
            case .loading: "Wait until the server has loaded its data."
            case .busy: "Find the slow script in the server's log; try again later."
            case .killed: "Nothing was changed; send it again when the server has time for it."
            case .readOnly: "Point the Redis URL at the primary."
            case .masterDown: "Wait for the failover to end, or repair the replication link."
            case .clusterDown: "Repair the cluster; see CLUSTER INFO."
            case .tryAgain: "Try again when the slot has been moved."
            case .moved, .crossSlot:
                "This is one node of a cluster, whose redirects are not followed: use a Redis that is not in cluster mode."
            case .noReplicas: "Bring back the replicas, or lower min-replicas-to-write."
            case .misconfigured: "Free disk space for the server's persistence; see the server's log."
            case .outOfMemory: "Raise the server's maxmemory, or delete finished data."
            case .noScript: "Send the script with its source."
            case .noPermission: "Grant the command and the keys to this user in the server's ACL."
            case .protocolError:
                "Check that a Redis server listens at the URL and that TLS is used on both sides or none."
            case .serverError: "This is a defect of the caller or of the data; do not repeat the request."
            case .invalidURL:
                "Write redis[s]://[user:password@]host[:port][/db] or unix:///path[?db=N&user=U&password=P]; "
                    + "percent-encode reserved characters."
            case .closed: "The client is shut down; make a new one."
            }
        }
    }
}
