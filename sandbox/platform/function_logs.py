"""What the functions wrote, as CloudWatch keeps it; their faults are there with tracebacks, and nowhere else."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.platform.aws import Aws

LAMBDAS_OWN = ("START ", "END ", "REPORT ")
SAID_ANYWAY = {"level", "location", "message", "timestamp", "service", "cold_start", "exception", "exception_name"}


def lines(aws: Aws, word: str) -> Iterator[str]:
    """The lines of every function whose name holds the word, oldest first."""
    groups = aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    events = [
        event
        for group in groups
        if word in group["logGroupName"]
        for page in aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in page["events"]
    ]
    for event in sorted(events, key=lambda each: int(each["timestamp"])):
        if not event["message"].startswith(LAMBDAS_OWN):
            yield _readable(event["message"])


def _readable(message: str) -> str:
    try:
        told: Mapping[str, Any] = json.loads(message)
    except ValueError:
        return message
    facts = {k: v for k, v in told.items() if k not in SAID_ANYWAY and not k.startswith("function_")}
    line = f"{told['timestamp']} {told['service']} {told['level']} {told['message']} {json.dumps(facts)}"
    return f"{line}\n{told['exception']}" if "exception" in told else line
