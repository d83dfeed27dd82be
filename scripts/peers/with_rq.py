# RQ: SimpleWorker, which runs jobs in its own process, one after another; the default forks for each job.
from datetime import datetime, timezone

from redis import Redis
from rq import Queue, SimpleWorker

import common
from common import KEEP, POOLED_URL, PRIORITIES, VERB, record


def handle(payload):
    record(payload)


def push(connection):
    queue = Queue("bench", connection=connection)
    ranked = [Queue(f"bench{rank}", connection=connection) for rank in range(PRIORITIES)]

    def one(payload, due, priority):
        if due:
            queue.enqueue_at(datetime.fromtimestamp(due, timezone.utc), "with_rq.handle", payload)
        else:
            (queue if priority is None else ranked[priority]).enqueue("with_rq.handle", payload)

    def many(payloads, due, priorities):
        if due:
            with connection.pipeline() as pipeline:
                for payload in payloads:
                    job = queue.create_job("with_rq.handle", args=(payload,))
                    queue.schedule_job(job, datetime.fromtimestamp(due, timezone.utc), pipeline=pipeline)
                pipeline.execute()
            return
        by_queue = {}
        for payload, priority in zip(payloads, priorities):
            by_queue.setdefault(priority, []).append(Queue.prepare_data("with_rq.handle", (payload,)))
        for priority, jobs in by_queue.items():
            (queue if priority is None else ranked[priority]).enqueue_many(jobs)

    common.push(one, many)


def work(connection):
    names = [f"bench{rank}" for rank in reversed(range(PRIORITIES))] or ["bench"]
    # Without a lifetime of results a finished job is deleted.
    lifetime = {} if KEEP else {"default_result_ttl": 0}
    worker = SimpleWorker(names, connection=connection, log_job_description=False, **lifetime)
    worker.work(with_scheduler=True, logging_level="ERROR")


if __name__ == "__main__":
    (push if VERB == "push" else work)(Redis.from_url(POOLED_URL))
