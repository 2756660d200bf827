"""The planner's ports in memory: as many subscribers as asked for, one snapshot, one list of contracts, a bucket."""

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bench import crowd
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.adapters.plan_store import S3PlanStore
from quantleap.domain.basket import Basket
from quantleap.domain.broker import Broker, Instrument
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.execution import Decision, Due, Plan, Seat
from quantleap.domain.halts import Halt
from quantleap.domain.market import Snapshot
from quantleap.domain.partner import Environment
from quantleap.domain.sessions import AlwaysOpen
from quantleap.services.precision_timer import Timer


class Bucket:
    """S3 as the plan store uses it; what is read again is kept, all else is only counted."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803, ARG002 - boto3's names
        """Keep an object."""
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        """Give it back."""
        return {"Body": io.BytesIO(self.objects[Key])}

    @property
    def stored_bytes(self) -> int:
        """How much it holds."""
        return sum(map(len, self.objects.values()))


class Ports:
    """Everything the planner asks for that is not the plan store."""

    def __init__(self, subscribers: int, boundary: datetime) -> None:
        self._subscribers = subscribers
        self._boundary = boundary

    def get(self, basket_id: str) -> Basket:  # noqa: ARG002 - the port's arguments
        """The template."""
        return crowd.basket(self._boundary)

    def seats(self, template_id: str) -> Sequence[Seat]:  # noqa: ARG002 - the port's arguments
        """Its subscribers, each read into our model as the table's adapter does."""
        return list(crowd.seats(self._subscribers))

    def list(self) -> Sequence[Halt]:
        """Nothing is halted."""
        return ()

    def snapshot(self, index: Index, expiry: date) -> Snapshot:  # noqa: ARG002 - the port's arguments
        """The market."""
        return crowd.snapshot(index, self._boundary)

    def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:  # noqa: ARG002 - the port's arguments
        """The contracts."""
        return crowd.master(day)

    def broker(self, broker_id: str, environment: Environment) -> Broker:  # noqa: ARG002 - the port's arguments
        """The broker."""
        return Zerodha("https://127.0.0.1")

    def adopt_plan(self, plan: Plan) -> Plan:
        """The first one is the one that counts."""
        return plan

    def decided(self, run_id: str) -> Decision | None:  # noqa: ARG002 - the port's arguments
        """Nothing yet: each run is decided once."""
        return None

    def adopt_decision(self, decision: Decision) -> Decision:
        """The first one is the one that counts."""
        return decision

    def schedule_exits(self, entered: Due, exits: Mapping[str, tuple[int, ...]]) -> None:
        """Noted, and nobody asks."""


def timer(subscribers: int, boundary: datetime, bucket: Bucket, shard_size: int = 250) -> Timer:
    """The planner over these ports."""
    ports: Any = Ports(subscribers, boundary)
    client: Any = bucket
    return Timer(
        baskets=ports,
        subscriptions=ports,
        runs=ports,
        halts=ports,
        plans=S3PlanStore(client, "plans"),
        feed=ports,
        masters=ports,
        brokers=ports,
        calendar=AlwaysOpen(),
        clock=lambda: boundary,
        draw=lambda alphabet, length: alphabet[0] * length,
        shard_size=shard_size,
    )
