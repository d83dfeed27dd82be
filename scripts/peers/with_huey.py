# huey: threads of one process. It pops a job before it runs it and acknowledges nothing.
import logging
from datetime import datetime

from huey import PriorityRedisHuey, RedisHuey

import common
from common import CONCURRENCY, KEEP, POOLED_URL, PRIORITIES, VERB, cannot, record

if KEEP:
    cannot("huey keeps results, not finished jobs")

huey = (PriorityRedisHuey if PRIORITIES else RedisHuey)("bench", url=POOLED_URL)


@huey.task(name="job")
def handle(payload):
    record(payload)


def one(payload, due, priority):
    if due:
        handle.schedule((payload,), eta=datetime.fromtimestamp(due))
    elif priority is None:
        handle(payload)
    else:
        handle(payload, priority=priority)


if __name__ == "__main__":
    if VERB == "push":
        common.push(one)
    else:
        logging.getLogger("huey").setLevel(logging.ERROR)
        huey.create_consumer(workers=CONCURRENCY, worker_type="thread", graceful_signal="TERM").run()
