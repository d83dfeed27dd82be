# BullMQ for Python: locks with renewal, finished jobs removed unless they are to be kept.
import asyncio
import signal

from bullmq import Queue, Worker

from common import CONCURRENCY, KEEP, URL, VERB, milliseconds_until, push_async, record, run


async def handle(job, token):
    record(job.data)


def options(due, priority):
    chosen = {}
    if due:
        chosen["delay"] = milliseconds_until(due)
    if priority is not None:
        chosen["priority"] = priority + 1  # 0 stands for none
    return chosen


async def push():
    queue = Queue("bench", {"connection": URL})

    async def one(payload, due, priority):
        await queue.add("job", payload, options(due, priority))

    async def many(payloads, due, priorities):
        await queue.addBulk([
            {"name": "job", "data": payload, "opts": options(due, priority)}
            for payload, priority in zip(payloads, priorities)
        ])

    await push_async(one, many)
    await queue.close()


async def work():
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = Worker("bench", handle, {
        "connection": URL, "concurrency": CONCURRENCY, "removeOnComplete": not KEEP,
    })
    await stop.wait()
    await worker.close(force=True)


run(push() if VERB == "push" else work())
