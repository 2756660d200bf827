"""An event that is stored reaches whoever listens on the bus, also after something that is no event."""

import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
import pytest

from quantleap.adapters import outbox
from quantleap.adapters.table import Table
from quantleap.domain.events import EventType, Happening, event_id
from sandbox.platform.aws import ACCOUNT, REGION
from sandbox.platform.places import LOOPBACK
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

PATIENCE_S = 60
BUS = "quantleap-dev-events"
TABLE = "quantleap-dev-trading-configurations"


class Listener(NamedTuple):
    """A queue behind a rule for one tenant's events."""

    queues: Any
    url: str

    def hear(self, count: int) -> list[Any]:
        """The details of that many events."""
        found: list[Any] = []
        patience = time.monotonic() + PATIENCE_S
        while len(found) < count:
            assert time.monotonic() < patience, f"heard {found}"
            messages = self.queues.receive_message(QueueUrl=self.url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in messages.get("Messages", ()):
                found.append(json.loads(message["Body"])["detail"])
                self.queues.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found


def client(platform: Platform, service: str) -> Any:
    session: Any = boto3.session.Session(ACCOUNT, "test", region_name=REGION)
    return session.client(service, endpoint_url=f"http://{LOOPBACK}:{platform.port}")


def a_listener(platform: Platform, tenant: str) -> Listener:
    queues, bus, name = client(platform, "sqs"), client(platform, "events"), f"listener-{secrets.token_hex(4)}"
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["quantleap"], "detail": {"tenant": [tenant]}}
    bus.put_rule(Name=name, EventBusName=BUS, EventPattern=json.dumps(pattern))
    bus.put_targets(Rule=name, EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    return Listener(queues, url)


def an_event(tenant: str, subject: str) -> Happening:
    kind = EventType.ORDER_REFUSED
    data = {"subject": subject, "quantity": 65}
    at = datetime.now(UTC)
    return Happening(event_id=event_id(kind, tenant + subject), type=kind, tenant=tenant, occurred_at=at, data=data)


def test_stored_events_reach_a_listener_and_one_that_cannot_be_read_holds_up_none(platform: Platform) -> None:
    tenant = f"e2e{secrets.token_hex(4)}#test"
    listener = a_listener(platform, tenant)
    table = Table(client(platform, "dynamodb"), TABLE)
    events = [an_event(tenant, str(number)) for number in range(12)]

    table.put(outbox.item(events[0]))
    assert [heard["event_id"] for heard in listener.hear(1)] == [events[0].event_id]

    table.put({**outbox.item(an_event(tenant, "spoiled")), "type": "nothing we know"})
    table.put({"user_id": tenant, "sort_key": "USER", "entity_type": "USER", "version": 1})
    for event in events[1:]:
        table.put(outbox.item(event))

    heard = listener.hear(len(events) - 1)
    assert {each["event_id"] for each in heard} == {event.event_id for event in events[1:]}
    assert all(each["data"]["quantity"] == 65 for each in heard)
