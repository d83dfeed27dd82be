# arq: its default polling of every half second; results are kept for an hour or not at all.
import logging
from datetime import datetime, timezone

from arq import create_pool, func
from arq.connections import RedisSettings
from arq.worker import run_worker

from common import CONCURRENCY, KEEP, PRIORITIES, URL, VERB, cannot, push_async, record, run

if PRIORITIES:
    cannot("arq has no priorities")


async def handle(context, payload):
    record(payload)


class Settings:
    functions = [func(handle, name="job")]
    redis_settings = RedisSettings.from_dsn(URL)
    max_jobs = CONCURRENCY
    keep_result = 3600 if KEEP else 0


async def push():
    pool = await create_pool(Settings.redis_settings)

    async def one(payload, due, priority):
        due = {"_defer_until": datetime.fromtimestamp(due, timezone.utc)} if due else {}
        await pool.enqueue_job("job", payload, **due)

    await push_async(one)
    await pool.aclose()


if VERB == "push":
    run(push())
else:
    import asyncio

    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.set_event_loop(asyncio.new_event_loop())
    logging.getLogger("arq").setLevel(logging.ERROR)
    run_worker(Settings)
