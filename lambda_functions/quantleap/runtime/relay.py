"""The composition root of the event relay, which needs little and so starts fast."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from botocore.config import Config

from quantleap.adapters import event_items
from quantleap.adapters.event_bus import EventBridgeBus, SqsDeadLetters
from quantleap.adapters.event_items import TableOutbox
from quantleap.adapters.table import Table
from quantleap.domain.relaying import Record
from quantleap.runtime import aws
from quantleap.runtime.settings import BadEnvironment, settings

CALLS = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
"""Few tries: what fails comes again with the stream."""


@cache
def bus() -> EventBridgeBus:
    """Where others listen."""
    return EventBridgeBus(aws.client("events", CALLS), _told("event_bus"))


@cache
def dead_letters() -> SqsDeadLetters:
    """What the bus will never take."""
    return SqsDeadLetters(aws.client("sqs", CALLS), _told("undelivered_url"))


@cache
def outbox() -> TableOutbox:
    """Events as they are stored."""
    return TableOutbox(Table(aws.client("dynamodb", CALLS), settings().table_name))


def records(stream: Iterable[Mapping[str, Any]]) -> list[Record]:
    """What the stream brought."""
    return event_items.records(stream)


def _told(name: str) -> str:
    """A setting that only this function has."""
    value: str | None = getattr(settings(), name)
    if value is None:
        raise BadEnvironment(f"the environment does not fit: {name.upper()}: Field required")
    return value
