# Dramatiq on Redis: one process with threads; messages are acknowledged when they have been handled.
import dramatiq
from dramatiq.brokers.redis import RedisBroker

import common
from common import CONCURRENCY, KEEP, POOLED_URL, PRIORITIES, VERB, cannot, milliseconds_until, record

broker = RedisBroker(url=POOLED_URL)
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="job", queue_name="bench")
def handle(payload):
    record(payload)


def one(payload, due, priority):
    if due:
        handle.send_with_options(args=(payload,), delay=milliseconds_until(due))
    else:
        handle.send(payload)


if __name__ == "__main__":
    if PRIORITIES:
        cannot("Dramatiq has priorities of actors only, not of jobs")
    if KEEP:
        cannot("Dramatiq keeps results, not finished jobs")
    if VERB == "push":
        common.push(one)
    else:
        from dramatiq.cli import main, make_argument_parser
        arguments = ["with_dramatiq", "--processes", "1", "--threads", str(CONCURRENCY), "--skip-logging"]
        raise SystemExit(main(make_argument_parser().parse_args(arguments)))
