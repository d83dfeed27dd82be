# SAQ: jobs stay in its "active" list until they have ended; results live for ten minutes when they are kept.
import logging

from saq import Queue, Worker

from common import CONCURRENCY, KEEP, PRIORITIES, URL, VERB, cannot, push_async, record, run

if PRIORITIES:
    cannot("SAQ has no priorities on Redis")


async def handle(context, *, payload):
    record(payload)


async def keep(context):
    context["job"].ttl = 600


async def push():
    queue = Queue.from_url(URL, name="bench")
    await queue.connect()

    async def one(payload, due, priority):
        due = {"scheduled": int(due)} if due else {}  # whole seconds
        await queue.enqueue("job", payload=payload, ttl=-1, **due)

    await push_async(one)
    await queue.disconnect()


async def work():
    logging.getLogger("saq").setLevel(logging.ERROR)
    queue = Queue.from_url(URL, name="bench")
    await queue.connect()
    worker = Worker(
        queue, functions=[("job", handle)], concurrency=CONCURRENCY, before_process=keep if KEEP else None)
    await worker.start()


run(push() if VERB == "push" else work())
