"""What JSON Schema cannot say of the API's values, for Schemathesis: only for requests that are meant to be right."""

import datetime
import itertools
import json

import schemathesis
from hypothesis import strategies as st

NUMBERS = itertools.count()

# A start lies within a year by Redis' clock; a time in the past means now.
schemathesis.openapi.format(
    "date-time",
    st.integers(-10_000, 300 * 86_400).map(
        lambda seconds: (
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        ).strftime("%Y-%m-%dT%H:%M:%SZ")
    ),
)
# Hosts must be public, and ports those of the web.
schemathesis.openapi.format(
    "uri",
    st.from_regex(r"https?://[a-z]{1,10}[.]example[.]com(/[A-Za-z0-9._~-]{0,10}){0,3}", fullmatch=True),
)


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """One JSON value on each line."""
    rows = value if isinstance(value, list) else [value]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes a request right that the schema alone lets be wrong, and no request longer than it need be."""
    wait_less(case.body)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    name = case.operation.definition.raw.get("operationId")
    headers = case.headers or {}
    if headers.get("Idempotency-Key"):
        # One key is one request; the same key with another body is another rule's matter.
        case.headers["Idempotency-Key"] = f"{headers['Idempotency-Key'][:200]}-{next(NUMBERS)}"
    if case.query and "cursor" in case.query:
        # Cursors come from answers.
        del case.query["cursor"]
    if isinstance(case.body, dict) and case.body.get("cursor"):
        del case.body["cursor"]
    if case.query and "created_after" in case.query:
        # The end of a span lies behind its start.
        case.query.pop("created_before", None)
    if isinstance(case.body, dict) and isinstance(case.body.get("filter"), dict):
        if case.body["filter"].get("created_after"):
            case.body["filter"].pop("created_before", None)
    if name == "deleteQueue" and case.query is not None:
        case.query["confirm"] = case.path_parameters["queue"]
    if name in ("pushJob", "cloneJob") and isinstance(case.body, dict):
        no_download(case.body)
        different_keys(case.body)
    if name == "pushJobs":
        one_queue(case)
    if name == "configureQueue" and case.path_parameters["queue"] == "downloads" and isinstance(case.body, dict):
        # This queue has a range of its own.
        case.body.pop("concurrency", None)
    if name == "addDownloads" and isinstance(case.body, dict):
        for item in case.body.get("downloads") or []:
            # Two names of one batch may meet.
            item.pop("on_conflict", None)


def wait_less(body):
    """A claim waits as long as it says for a job."""
    for claim in (body, body.get("claim")) if isinstance(body, dict) else ():
        if isinstance(claim, dict) and isinstance(claim.get("wait_seconds"), (int, float)):
            if 1 < claim["wait_seconds"] <= 30:
                claim["wait_seconds"] = 1


def no_download(job):
    """Downloads have routes of their own."""
    if job.get("type") == "download":
        job["type"] = "other"


def different_keys(job):
    """A job names a limit key once."""
    keys = job.get("limits")
    if isinstance(keys, list):
        names = [key if isinstance(key, str) else key.get("key") for key in keys]
        if len(set(names)) < len(names):
            del job["limits"]


def one_queue(case):
    """Jobs that are pushed all or none are for one queue."""
    if isinstance(case.body, dict):
        jobs = case.body.get("jobs")
    else:
        jobs = case.body
    if isinstance(jobs, list):
        for job in jobs:
            if isinstance(job, dict):
                no_download(job)
                different_keys(job)
                job.pop("queue", None)
                # Ids and unique keys of one batch are its own.
                job.pop("id", None)
                job.pop("unique_key", None)
