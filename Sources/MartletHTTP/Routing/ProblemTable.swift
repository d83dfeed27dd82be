// What each problem means and what to do about it, with its status: the source of answers, pages and document.

import HTTPTypes

extension ProblemCode {
    /// The HTTP status of all problems with this code.
    var status: HTTPResponse.Status { entry.status }
    /// What has happened.
    var meaning: String { entry.meaning }
    /// What the caller, or the operator, can do.
    var advice: String { entry.advice }

    private typealias Entry = (status: HTTPResponse.Status, meaning: String, advice: String)

    private var entry: Entry {
        switch self {
        case .malformedJSON:
            (.badRequest, "The body is not valid JSON.", "Correct the body at the byte that `detail` names.")
        case .malformedHTTP:
            (.badRequest, "The request is not valid HTTP/1.1.", "Correct the client, or the proxy before the server.")
        case .missingHost: (.badRequest, "The request has no `Host` or several.", "Send exactly one `Host`.")
        case .needsTLS:
            (.badRequest, "Plain HTTP was sent to a port that speaks TLS.", "Use `https://` in the server's address.")
        case .emptyBatch: (.badRequest, "The batch has no entries.", "Send at least one.")
        case .invalidTrackID: (.badRequest, "A track id is not a UUID.", "Correct the id in `track_id`.")
        case .unauthorized:
            (
                .unauthorized, "The request has no valid token.",
                "Send `Authorization: Bearer` with a token of the server's token file."
            )
        case .forbidden:
            (
                .forbidden, "The token has not the role that the route needs, or not access to the queue.",
                "Use another token, or let an administrator extend this one."
            )
        case .foreignHost:
            (
                .forbidden, "A server without tokens was called by another name than localhost.",
                "Call it as localhost or 127.0.0.1, or give the server tokens."
            )
        case .crossSite:
            (
                .forbidden, "A page of another site sent the request.",
                "Send it from a program or from the server's own pages."
            )
        case .notFound:
            (
                .notFound, "There is nothing at this path, or no such job, download or queue.",
                "Check the path, the id and `queue`."
            )
        case .methodNotAllowed:
            (.methodNotAllowed, "The path does not have this method.", "Use one of the methods in `Allow`.")
        case .tooSlow: (.requestTimeout, "The head of the request took longer than 5 s.", "Send it at once.")
        case .invalidState:
            (.conflict, "The state of the job does not allow this.", "Use one of the verbs in `allowed`, or wait.")
        case .idempotencyConflict:
            (.conflict, "The id belongs to another request.", "Use a new id, or send the first request again.")
        case .idempotencyInProgress:
            (.conflict, "A request with this `Idempotency-Key` has not finished.", "Send it again after `Retry-After`.")
        case .uniqueKeyTaken:
            (
                .conflict, "Another unfinished job holds the unique key.",
                "Wait until that job has finished, or cancel it."
            )
        case .countDiffers:
            (
                .conflict, "Another number of jobs matches the filter than is expected.",
                "Look at the jobs again with `dry_run`, and send the number that is right now."
            )
        case .ambiguous: (.conflict, "Several queues have a job of this id.", "Name one of `queues` in `?queue=`.")
        case .stepInUse:
            (.conflict, "The ageing cannot change while jobs are queued.", "Change it when nothing is queued.")
        case .queueNotEmpty:
            (
                .conflict, "The queue has jobs.",
                "Drain it, wait for the jobs that run, and delete it with `finished=true`."
            )
        case .leaseLost:
            (
                .conflict, "The claim does not hold the job: its lease ran out, or another end was recorded.",
                "Drop the job; another worker may have it."
            )
        case .jobGone:
            (
                .notFound, "The job of the claim is not stored any more.",
                "Drop it: it has ended and is not kept, as after a call whose answer was lost, or it was deleted."
            )
        case .tooLarge: (.contentTooLarge, "The body, a payload or a batch is too large.", "Stay within `limit`.")
        case .wrongType:
            (
                .unsupportedMediaType, "The body has another media type.",
                "Send it with the `Content-Type` that `detail` names."
            )
        case .encodedBody: (.unsupportedMediaType, "The body is compressed.", "Send it without `Content-Encoding`.")
        case .invalidRequest:
            (
                .unprocessableContent, "The request is well-formed, and a field or parameter is not right.",
                "Correct what `errors` lists. Nothing was changed."
            )
        case .idempotencyKeyReused:
            (
                .unprocessableContent, "The `Idempotency-Key` belongs to another request.",
                "Use a new key for a new request."
            )
        case .tooManyQueues:
            (
                .unprocessableContent, "There are as many queues as the server allows.",
                "Use an existing queue, delete one, or raise REDIS_QUEUE_LIMIT."
            )
        case .tooManyFailures:
            (
                .tooManyRequests, "The address has sent too many wrong tokens.",
                "Correct the token, and wait for a minute."
            )
        case .tooManyRequests:
            (
                .tooManyRequests, "The token has sent more requests than the server allows in a time.",
                "Send the same again after `Retry-After`, and push, claim and act on many jobs in one request."
            )
        case .tooManyWaits:
            (.tooManyRequests, "Too many requests of this caller wait.", "Ask without `wait`, or after `Retry-After`.")
        case .tooManyStreams:
            (.tooManyRequests, "Too many streams of this caller are open.", "Close one, or ask after `Retry-After`.")
        case .tooManyConnections:
            (.tooManyRequests, "The address has too many connections.", "Use connections again, and open fewer.")
        case .headTooLarge:
            (
                .requestHeaderFieldsTooLarge, "The head of the request has more than 16 KiB.",
                "Send fewer or shorter headers."
            )
        case .clientGone: (.clientGone, "The client closed the connection.", "Nothing; only the log shows it.")
        case .internal:
            (.internalServerError, "The server has a fault.", "Find `request_id` in the server's log, and report it.")
        case .redisUnavailable:
            (
                .serviceUnavailable, "Redis cannot be reached, and nothing was done.",
                "Send the same again after `Retry-After`."
            )
        case .redisLoading:
            (
                .serviceUnavailable, "Redis is reading its data, and nothing was done.",
                "Send the same again after `Retry-After`."
            )
        case .redisReadOnly:
            (
                .serviceUnavailable,
                "Redis takes no writes, because it is a replica or has too few, and nothing was done.",
                "Connect the server to the primary, or repair the replicas."
            )
        case .redisFull:
            (
                .serviceUnavailable, "Redis has too little memory, and nothing was done.",
                "Let jobs finish, shorten the retention, or give Redis more memory."
            )
        case .redisBusy:
            (
                .serviceUnavailable, "Redis is busy with a script, and nothing was done.",
                "Send the same again after `Retry-After`."
            )
        case .redisDiskTrouble:
            (.serviceUnavailable, "Redis cannot write to its disk, and nothing was done.", "Repair the disk of Redis.")
        case .redisDenied:
            (
                .serviceUnavailable, "Redis refused the server's password or a command, and nothing was done.",
                "Correct REDIS_URL or the user's rights; `martlet doctor` says what is missing."
            )
        case .redisCluster:
            (
                .serviceUnavailable, "Redis is a node of a cluster, and nothing was done.",
                "Use a Redis that is no cluster."
            )
        case .redisBroken:
            (
                .serviceUnavailable, "Redis answered what was not expected; `outcome` says whether it was done.",
                "Let an operator run `martlet audit`."
            )
        case .outcomeUnknown:
            (
                .serviceUnavailable, "The reply of Redis was lost: it may have been done or not.",
                "Send the same again, with the same id or `Idempotency-Key`, or ask for the jobs in `ids`."
            )
        case .newerSchema:
            (.serviceUnavailable, "A newer version of Martlet wrote the queue.", "Update this server.")
        case .notHere:
            (
                .serviceUnavailable, "The process runs one isolated job and takes no pushes beside it.",
                "Push through the server."
            )
        case .notReady: (.serviceUnavailable, "A check of the server fails.", "Repair what `check` and `detail` name.")
        case .notAlive: (.serviceUnavailable, "The process makes no progress.", "Restart it.")
        case .shuttingDown:
            (
                .serviceUnavailable, "The server is shutting down.",
                "Send the same again, to another server if there is one."
            )
        case .bodiesFull:
            (.serviceUnavailable, "The server holds too many large bodies.", "Send the same again after `Retry-After`.")
        case .answersFull:
            (
                .serviceUnavailable, "Too many large answers wait to be read.",
                "Ask again after `Retry-After`, and read answers at once."
            )
        case .pagesFull:
            (.serviceUnavailable, "Too many lists are asked for at one time.", "Ask again after `Retry-After`.")
        case .waitsFull:
            (.serviceUnavailable, "Too many requests wait.", "Ask without `wait`, or after `Retry-After`.")
        case .streamsFull:
            (.serviceUnavailable, "Too many streams are open.", "Ask again after `Retry-After`.")
        case .serverFull:
            (.serviceUnavailable, "The server has too many connections.", "Connect again after `Retry-After`.")
        }
    }
}
