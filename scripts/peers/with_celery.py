# Celery on Redis: late acknowledgement, so that a job survives its worker, and a pool of threads.
from datetime import datetime, timezone

from celery import Celery

import common
from common import CONCURRENCY, KEEP, PRIORITIES, URL, VERB, cannot, record

if KEEP:
    cannot("Celery keeps results, not finished jobs")

app = Celery("bench", broker=URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_default_queue="bench",
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    worker_hijack_root_logger=False,
)
if PRIORITIES:
    app.conf.broker_transport_options = {
        "priority_steps": list(range(PRIORITIES)), "queue_order_strategy": "priority", "sep": ":",
    }


@app.task(name="job")
def handle(payload):
    record(payload)


def one(payload, due, priority):
    chosen = {}
    if due:
        chosen["eta"] = datetime.fromtimestamp(due, timezone.utc)
    if priority is not None:
        chosen["priority"] = priority
    handle.apply_async((payload,), **chosen)


if __name__ == "__main__":
    if VERB == "push":
        common.push(one)
    else:
        app.worker_main(["worker", "--pool", "threads", "--concurrency", str(CONCURRENCY), "--loglevel", "ERROR"])
