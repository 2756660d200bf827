"""The relay's function over DynamoDB, EventBridge and SQS as moto has them: what is stored is what the bus gets."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from tenacity import wait_none

from quantleap.adapters import outbox
from quantleap.adapters.table import Table
from quantleap.domain.errors import InvalidRequest, Unavailable
from quantleap.domain.events import EventType, Happening, event_id
from quantleap.handlers import event_relay
from quantleap.runtime import relay
from quantleap.runtime.settings import BadEnvironment, settings
from tests.builders import NINE_TWENTY, ZEBU
from tests.integration.gateway import Context

BUS = "quantleap-test-events"


class World:
    """A bus, all that is put on it, and the queue of what it does not take."""

    def __init__(self) -> None:
        self._queues = boto3.client("sqs")
        self.undelivered_url = self._queues.create_queue(QueueName="undelivered")["QueueUrl"]
        boto3.client("events").create_event_bus(Name=BUS)
        self.heard: list[dict[str, Any]] = []

    def listen(self) -> None:
        relay.bus()._client.meta.events.register("provide-client-params.events.PutEvents", self._hear)

    def _hear(self, params: dict[str, Any], **_: object) -> None:
        self.heard += params["Entries"]

    def details(self) -> list[dict[str, Any]]:
        return [json.loads(entry["Detail"]) for entry in self.heard]

    def undelivered(self) -> list[dict[str, Any]]:
        found = self._queues.receive_message(QueueUrl=self.undelivered_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def world(deployed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setenv("EVENT_BUS", BUS)
    monkeypatch.setenv("UNDELIVERED_URL", world.undelivered_url)
    world.listen()
    return world


def an_event(subject: str = "one", **changes: Any) -> Happening:
    kind = EventType.EXECUTION_COMPLETED
    usual = {"event_id": event_id(kind, subject), "type": kind, "tenant": ZEBU.key, "occurred_at": NINE_TWENTY}
    return Happening(**{**usual, "data": {"run_id": "r", "filled": 4, "reason": None, "legs": [1, 2]}, **changes})


def inserted(item: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A record of the stream, as Lambda hands it over."""
    image = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    change = {
        "Keys": {name: image[name] for name in ("user_id", "sort_key")},
        "NewImage": image,
        "SequenceNumber": str(number),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}


def call(event: dict[str, Any]) -> dict[str, Any]:
    context: Any = Context()
    answer: dict[str, Any] = event_relay.handler(event, context)
    return answer


def test_a_stored_event_reaches_the_bus_whole(world: World) -> None:
    assert call({"Records": [inserted(outbox.item(an_event()))]}) == {"batchItemFailures": []}

    assert [entry["DetailType"] for entry in world.heard] == ["execution.completed"]
    assert world.details() == [
        {
            "event_id": an_event().event_id,
            "type": "execution.completed",
            "tenant": "zebu#test",
            "occurred_at": "2026-11-23T03:50:00.000Z",
            "data": {"run_id": "r", "filled": 4, "reason": None, "legs": [1, 2]},
        }
    ]


def test_an_item_that_is_no_event_is_put_aside_by_its_key(world: World) -> None:
    spoiled = {**outbox.item(an_event("spoiled")), "type": "nothing we know"}

    answer = call({"Records": [inserted(spoiled, 1), inserted(outbox.item(an_event()), 2)]})

    assert answer == {"batchItemFailures": []}
    key = {name: spoiled[name] for name in ("user_id", "sort_key")}
    assert world.undelivered() == [{**key, "reason": "the item is no event"}]
    assert [event["event_id"] for event in world.details()] == [an_event().event_id]


class Throttled:
    """A bus that takes all but one of each call."""

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        first, *others = Entries
        assert first["EventBusName"] == BUS
        return {"Entries": [{"ErrorCode": "ThrottlingException"}, *({"EventId": "e"} for _ in others)]}


def throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    monkeypatch.setattr(relay.bus(), "_client", Throttled())
    monkeypatch.setattr(relay.bus(), "_waits", wait_none())


@pytest.mark.parametrize("parts", ["true", "false"])
def test_what_was_throttled_comes_again_by_itself_or_where_that_is_not_possible_with_all_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, parts: str
) -> None:
    monkeypatch.setenv("TAKES_PARTIAL_FAILURES", parts)
    throttle(monkeypatch)
    batch = {"Records": [inserted(outbox.item(an_event(str(n))), n) for n in (5, 6, 7)]}

    if parts == "true":
        assert call(batch) == {"batchItemFailures": [{"itemIdentifier": "5"}]}
    else:
        with pytest.raises(event_relay.NotDelivered, match="1 events: ThrottlingException"):
            call(batch)


def test_without_its_bus_the_whole_batch_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKES_PARTIAL_FAILURES", "true")

    boto3.client("events").delete_event_bus(Name=BUS)

    with pytest.raises(Unavailable):
        call({"Records": [inserted(outbox.item(an_event()))]})


def test_stored_events_can_be_told_again_from_a_moment_on(world: World, table: Table) -> None:
    later = NINE_TWENTY + timedelta(minutes=5)
    spoiled = {**outbox.item(an_event("spoiled", occurred_at=later)), "type": "nothing we know"}
    others = outbox.item(an_event("others", tenant="acme#test", occurred_at=later))
    for item in (outbox.item(an_event("early")), outbox.item(an_event("late", occurred_at=later)), spoiled, others):
        table.put(item)

    answer = call({"tenant": ZEBU.key, "since": "2026-11-23T09:21:00+05:30"})

    assert answer == {"taken": 1, "refused": []}
    assert [event["event_id"] for event in world.details()] == [an_event("late").event_id]


def test_a_call_by_hand_needs_a_tenant_and_a_moment_with_its_zone(world: World) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        call({"since": "2026-11-23T09:21:00"})

    assert list(refusal.value.details) == ["tenant", "since"]


@pytest.mark.parametrize(("missing", "need"), [("EVENT_BUS", relay.bus), ("UNDELIVERED_URL", relay.dead_letters)])
def test_a_relay_that_was_told_neither_bus_nor_queue_names_what_it_misses(
    deployed: dict[str, str], missing: str, need: Callable[[], object]
) -> None:
    with pytest.raises(BadEnvironment, match=missing):
        need()
