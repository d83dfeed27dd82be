# taskiq: the stream broker, which acknowledges, and its own scheduler process for jobs that are due later.
import ctypes
import os
import signal
import subprocess
import sys
from datetime import datetime, timezone

from taskiq import TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from common import CONCURRENCY, KEEP, PRIORITIES, URL, VERB, cannot, push_async, record, run

# A consumer that begins at 0 sees what was pushed before the worker's first start.
broker = RedisStreamBroker(url=URL, queue_name="bench", consumer_id="0")
source = ListRedisScheduleSource(URL)
scheduler = TaskiqScheduler(broker, [source])


@broker.task(task_name="job")
async def handle(payload: dict) -> None:
    record(payload)


async def push():
    await broker.startup()
    await source.startup()

    async def one(payload, due, priority):
        if due:
            await handle.schedule_by_time(source, datetime.fromtimestamp(due, timezone.utc), payload)
        else:
            await handle.kiq(payload)

    await push_async(one)
    await broker.shutdown()


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def work():
    taskiq = os.path.join(os.path.dirname(sys.executable), "taskiq")
    subprocess.Popen(
        [taskiq, "scheduler", "with_taskiq:scheduler", "--log-level", "ERROR", "--update-interval", "1"],
        preexec_fn=end_with_parent)
    os.execv(taskiq, [
        taskiq, "worker", "with_taskiq:broker", "--workers", "1", "--max-async-tasks", str(CONCURRENCY),
        "--log-level", "ERROR",
    ])


if __name__ == "__main__":
    if PRIORITIES:
        cannot("taskiq has no priorities on Redis")
    if KEEP:
        cannot("taskiq keeps results, not finished jobs")
    run(push()) if VERB == "push" else work()
