// What a job costs before it reaches the wire: ids, digests and waits.

import MartletJobs
import MartletQueue

/// The operations of a job's own values.
func jobOperations() -> [Operation] {
    let text = JobID.generate().description
    let job = Samples.job()
    return [
        Operation("MartletJobs", "generate an id") { JobID.generate() },
        Operation("MartletJobs", "read an id") { JobID(text) },
        Operation("MartletJobs", "choose the wait before a retry") { RetryPolicy.standard.delay(afterFailure: 3) },
        Operation("MartletQueue", "make a job") { NewJob(type: "mail.send", payload: Samples.payload) },
        Operation("MartletQueue", "check a job") { job.invalidField },
        Operation("MartletQueue", "digest a job") { job.requestDigest() },
    ]
}
