# What the Python adapters share: the options, the payload, the records and the ways to push.
import asyncio
import concurrent.futures
import json
import os
import random
import struct
import sys
import time

# The runner passes these by environment, so that they are there as well in processes that a peer starts itself.
VERB = os.environ["PEER_VERB"]
OPTIONS = json.loads(os.environ["PEER_OPTIONS"])
URL = os.environ.get("BENCH_REDIS", "redis://127.0.0.1:6379")
# The same for clients of redis-py: a pool for all tasks and threads, as it has no more than 100 connections else.
POOLED_URL = URL + ("&" if "?" in URL else "?") + "max_connections=400"
CONCURRENCY = int(OPTIONS.get("concurrency") or 10)
KEEP = bool(OPTIONS.get("keep"))
# Jobs of one priority have none.
PRIORITIES = int(OPTIONS.get("priorities") or 0) if OPTIONS.get("priorities") != 1 else 0

_DUE = float(OPTIONS["due_at_ms"]) / 1000 if OPTIONS.get("due_at_ms") else None
_PADDING = "x" * max(0, int(OPTIONS.get("payload_bytes") or 200) - 34)  # the rest of it takes 34 bytes
_two_doubles = struct.Struct("<dd").pack
_records = None


def cannot(what):
    """Ends the process: the peer has no such thing, so there is nothing to measure."""
    print(what, file=sys.stderr)
    sys.exit(64)


def record(payload):
    """The whole handler: one write of when it began and of what the payload says."""
    global _records
    now = time.time()
    if _records is None:
        _records = os.open(os.environ["BENCH_RECORDS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(_records, _two_doubles(now, payload["t"]))


def _payload():
    return {"t": _DUE or time.time(), "pad": _PADDING}


def _priority(index):
    return index % PRIORITIES if PRIORITIES else None


class _Push:
    """What push and push_async have in common: the order, the clock and the report."""

    def __init__(self):
        self.mode, self.jobs = OPTIONS["mode"], int(OPTIONS["jobs"])
        self.tasks = min(self.jobs, int(OPTIONS.get("tasks") or (256 if self.mode == "concurrent" else 1)))
        self.rate = float(OPTIONS.get("rate") or 20)
        self.pushed = 0
        self.started, self.cpu = time.perf_counter(), time.process_time()

    def batches(self, task):
        """What one of the tasks pushes, call by call; the tasks take turns."""
        size = int(OPTIONS.get("batch") or 100)
        for start in range(task * size, self.jobs, self.tasks * size):
            yield range(start, min(self.jobs, start + size))

    def pause(self):
        """Seconds to wait; slow pushes come at uneven times, as a timer of the worker's could hide in even ones."""
        return random.uniform(0.5, 1.5) / self.rate if self.rate < 1000 else 0.001

    def due(self):
        """How many jobs are to be pushed now at the given rate, when it is a high one."""
        if self.rate < 1000:
            return 1
        return min(self.jobs, int((time.perf_counter() - self.started) * self.rate)) - self.pushed

    def report(self):
        print(json.dumps({
            "jobs": self.jobs, "seconds": time.perf_counter() - self.started,
            "cpu_seconds": time.process_time() - self.cpu,
        }), flush=True)


def push(one, many=None):
    """Pushes as the options say, with one(payload, due, priority) and many(payloads, due, priorities)."""
    order = _Push()

    def some(indices):
        if many and len(indices) > 1:
            many([_payload() for _ in indices], _DUE, [_priority(index) for index in indices])
        else:
            for index in indices:
                one(_payload(), _DUE, _priority(index))

    if order.mode == "paced":
        while order.pushed < order.jobs:
            time.sleep(order.pause())
            count = order.due()
            some(range(order.pushed, order.pushed + count))
            order.pushed += count
    elif order.mode in ("concurrent", "bulk"):
        def share(task):
            if order.mode == "bulk":
                for batch in order.batches(task):
                    some(batch)
            else:
                for index in range(task, order.jobs, order.tasks):
                    one(_payload(), _DUE, _priority(index))

        with concurrent.futures.ThreadPoolExecutor(order.tasks) as pool:
            for _ in pool.map(share, range(order.tasks)):  # raises what a thread has raised
                pass
    else:
        for index in range(order.jobs):
            one(_payload(), _DUE, _priority(index))
    order.report()


async def push_async(one, many=None):
    """The same for peers with a client for asyncio."""
    order = _Push()

    async def some(indices):
        if many and len(indices) > 1:
            await many([_payload() for _ in indices], _DUE, [_priority(index) for index in indices])
        else:
            for index in indices:
                await one(_payload(), _DUE, _priority(index))

    if order.mode == "paced":
        while order.pushed < order.jobs:
            await asyncio.sleep(order.pause())
            count = order.due()
            await some(range(order.pushed, order.pushed + count))
            order.pushed += count
    elif order.mode in ("concurrent", "bulk"):
        async def share(task):
            if order.mode == "bulk":
                for batch in order.batches(task):
                    await some(batch)
            else:
                for index in range(task, order.jobs, order.tasks):
                    await one(_payload(), _DUE, _priority(index))

        await asyncio.gather(*(share(task) for task in range(order.tasks)))
    else:
        for index in range(order.jobs):
            await one(_payload(), _DUE, _priority(index))
    order.report()


def milliseconds_until(due):
    return max(0, round((due - time.time()) * 1000))


def run(coroutine):
    """Runs a coroutine on the fastest event loop that the peer's environment has."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)
