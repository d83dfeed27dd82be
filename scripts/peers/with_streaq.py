# streaq: Redis streams, a job is acknowledged with its result; results live for five minutes when they are kept.
import asyncio
import logging
from datetime import datetime, timezone

from streaq import Worker

from common import CONCURRENCY, KEEP, PRIORITIES, URL, VERB, push_async, record, run

RANKS = [f"rank{rank}" for rank in range(PRIORITIES)] or None
worker = Worker(
    redis_url=URL, queue_name="bench", concurrency=CONCURRENCY, priorities=RANKS, anyio_kwargs={"use_uvloop": True})


@worker.task(name="job", silent=True, ttl=300 if KEEP else 0)
async def handle(payload: dict) -> None:
    record(payload)


def task(payload, due, priority):
    chosen = {}
    if due:
        chosen["schedule"] = datetime.fromtimestamp(due, timezone.utc)
    if priority is not None:
        chosen["priority"] = RANKS[priority]
    made = handle.enqueue(payload)
    return made.start(**chosen) if chosen else made


async def push():
    async with worker:
        async def one(payload, due, priority):
            await task(payload, due, priority)

        async def many(payloads, due, priorities):
            if due:  # its enqueue_many starts everything at once
                await asyncio.gather(*(one(payload, due, None) for payload in payloads))
            else:
                await worker.enqueue_many([task(*job) for job in zip(payloads, [None] * len(payloads), priorities)])

        await push_async(one, many)


if VERB == "push":
    run(push())
else:
    logging.getLogger("streaq").setLevel(logging.ERROR)
    worker.run_sync()
