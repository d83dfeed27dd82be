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
    """Makes a request right that the schema alone lets be wrong."""
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
    if name == "deleteQueue" and case.query is not None:
        case.query["confirm"] = case.path_parameters["queue"]
    if name == "pushJob" and isinstance(case.body, dict):
        no_download(case.body)
    if name == "pushJobs":
        one_queue(case)
    if name == "configureQueue" and case.path_parameters["queue"] == "downloads" and isinstance(case.body, dict):
        # This queue has a range of its own.
        case.body.pop("concurrency", None)
    if name == "addDownloads" and isinstance(case.body, dict):
        for item in case.body.get("downloads") or []:
            # Two names of one batch may meet.
            item.pop("on_conflict", None)


def no_download(job):
    """Downloads have routes of their own."""
    if job.get("type") == "download":
        job["type"] = "other"


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
                job.pop("queue", None)
                # Ids and unique keys of one batch are its own.
                job.pop("id", None)
                job.pop("unique_key", None)
