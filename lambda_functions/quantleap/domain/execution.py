"""Runs, seats, intents and their outcomes: the words of execution.

    planned -> acknowledged -> filled | open | rejected | cancelled
            -> refused | unknown | not sent
    skipped   (never an order at all)

A run is one template version at one boundary. It is cut into shards of seats; a seat is one subscription; a
ticket is one seat's orders at one account, stored before anything is sent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import AwareDatetime

from quantleap.domain.contracts import Contract
from quantleap.domain.latency import Latencies
from quantleap.domain.model import Model
from quantleap.domain.partner import Environment, Tenant
from quantleap.domain.subscription import Allocation
from quantleap.domain.trading import Product, Side, SquareOff


class Kind(StrEnum):
    """What a run does: open positions, or close what another run opened."""

    ENTRY = "entry"
    EXIT = "exit"


class State(StrEnum):
    """What became of an intent."""

    PLANNED = "planned"
    ACKNOWLEDGED = "acknowledged"
    FILLED = "filled"
    OPEN = "open"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"

    @property
    def placed(self) -> bool:
        """Whether the broker took the order, whatever became of it later."""
        return self in {State.ACKNOWLEDGED, State.FILLED, State.OPEN}

    @property
    def uncertain(self) -> bool:
        """Whether it may be filled yet, or was without anybody knowing."""
        return self in {State.ACKNOWLEDGED, State.OPEN, State.UNKNOWN}


class Trigger(Model):
    """One template asked for at a moment outside the schedule, for one tenant or, without a scope, for everybody.

    An exit closes the entry run it names, or else the latest one of its scope; the rest narrows it to a part, see
    `Due`.
    """

    at: AwareDatetime
    template_id: str
    scope: str | None = None
    kind: Kind = Kind.ENTRY
    closes: str | None = None
    strategies: tuple[int, ...] | None = None
    only: str | None = None
    follows: str | None = None
    shards: tuple[int, ...] | None = None
    tries: int | None = None


class Venue(NamedTuple):
    """A broker in one environment: the simulated Zebu and the real one are two."""

    broker_id: str
    environment: Environment

    @classmethod
    def of(cls, tenant: str, allocation: Allocation) -> Self:
        """Where an allocation of a tenant trades."""
        return cls(allocation.broker_id, Tenant.of(tenant).environment)

    def __str__(self) -> str:
        """`zebu#test`, as a decision names it."""
        return f"{self.broker_id}#{self.environment}"


class Due(Model):
    """A template version with something to do at a boundary; `scope` limits it to one tenant.

    An exit `closes` an entry run, and goes by the version that entered, whatever the template is by then. With
    `only` it closes nothing but `incomplete` positions, or those that a halt's scope covers, with `shards` nothing
    outside these. One that `follows` a run closes at once what that one left; `tries` is how many exits in a row it
    makes.
    """

    run_id: str
    kind: Kind
    boundary: datetime
    template_id: str
    version: int
    strategies: tuple[int, ...]
    scope: str | None = None
    closes: str | None = None
    only: str | None = None
    follows: str | None = None
    shards: tuple[int, ...] | None = None
    tries: int = 1


class Scheduled(NamedTuple):
    """A line of the schedule: strategies that enter, or those of an `entered` run that leave."""

    template_id: str
    strategies: tuple[int, ...]
    entered: Due | None = None


class Seat(NamedTuple):
    """One subscription as the plan sees it, read from the index alone.

    `turns` says for each allocation how many others of the run its broker admits before it. `halted` is the scope
    of a halt that kept it from being planned for. `oversized` says by allocation why the template is too large for it.
    """

    subscription_id: str
    user_id: str
    tenant: str
    status: str
    allocations: tuple[Allocation, ...]
    turns: tuple[int, ...] = ()
    halted: str | None = None
    oversized: Mapping[str, str] = {}


class Plan(Model):
    """Where a run's shards lie, decided once; later planners of the same run use the first one's.

    `shards` are all there are, of an exit as many as its entry has; `served` are those the run is about.
    """

    due: Due
    plan_id: str
    shards: int
    tenants: dict[str, tuple[int, ...]]
    venues: tuple[Venue, ...]

    @property
    def served(self) -> Sequence[int]:
        """The numbers of its shards."""
        return range(self.shards) if self.due.shards is None else self.due.shards


class Listing(Model):
    """A contract at one broker; `freeze_quantity` is None where its list does not say it."""

    exchange: str
    symbol: str
    token: str
    lot_size: int
    tick: Decimal
    freeze_quantity: int | None = None


class Order(Model):
    """One leg as decided for everybody: the contract, the price, and how each venue names it.

    `freeze_quantity` is the exchange's, a venue's own list may say less. `doubted` are the venues that list the
    contract otherwise than it can be. `algo_ids` are the exchange's ids of the version by broker, where it is
    registered; `unwinds` says that what a strategy opened is closed again at once when the rest of it could not be.
    """

    strategy: int
    leg: int
    side: Side
    lots: int
    product: Product
    contract: Contract
    freeze_quantity: int
    reference_price: Decimal
    limit_price: Decimal
    listings: dict[str, Listing]
    doubted: tuple[str, ...] = ()
    algo_ids: dict[str, str] = {}
    unwinds: bool = False


class Decision(Model):
    """Every order of a run, buys first, or the reason why there is none.

    `leaves_at` is when the last of what an entry opens is to be closed; a run that a partner asked for, at any hour,
    is closed when it asks again, so there it is not known. `intraday_until` is the same of what is intraday;
    `square_offs` say when each broker closes that itself.
    """

    run_id: str
    decided_at: datetime
    leaves_at: datetime | None = None
    intraday_until: datetime | None = None
    square_offs: dict[str, SquareOff] = {}
    orders: tuple[Order, ...] = ()
    refusal: str | None = None


class Intent(Model):
    """A stored decision to place one order, and what became of it.

    Times are milliseconds after the boundary. `reason` is a word of ours, `said` the broker's own text, which the log
    shows and nobody else. `doubted` stays true of one whose answer never came, even when the
    order book told later.
    """

    intent_id: str
    tag: str
    algo_id: str | None = None
    strategy: int
    leg: int
    side: Side
    symbol: str
    exchange: str
    token: str
    lot_size: int
    tick: Decimal
    contract: Contract
    product: Product
    quantity: int
    limit_price: Decimal
    state: State = State.PLANNED
    order_id: str | None = None
    sent_after_ms: Decimal | None = None
    acknowledged_after_ms: Decimal | None = None
    filled_quantity: int = 0
    average_price: Decimal | None = None
    reason: str | None = None
    said: str | None = None
    doubted: bool = False

    @property
    def whole(self) -> bool:
        """Whether exactly what it was for is done, by itself or, of an exit, by the broker.

        A book may show more, when an order was placed twice.
        """
        return self.squared_off or (self.filled_quantity == self.quantity and not self.state.uncertain)

    @property
    def squared_off(self) -> bool:
        """Whether the broker did it, so that there was nothing to send."""
        return self.reason == SQUARED_OFF

    @property
    def acknowledged(self) -> bool:
        """Whether the broker took it, whoever heard of that, and whatever became of it."""
        return self.order_id is not None

    @property
    def sent(self) -> bool:
        """Whether it may have reached the broker: a worker that died leaves no time at which it sent."""
        return self.sent_after_ms is not None or self.acknowledged or self.state is State.UNKNOWN

    def became(self, state: State, **facts: object) -> Self:
        """The intent with what is now known of it."""
        return self.model_copy(update={"state": state, **facts})


NOTHING_TO_CLOSE = "nothing_to_close"
"""Of an exit: there is nothing, or no more."""

SUPERSEDED = "exit_superseded"
"""Of an exit: a later one closes what this one was to close."""

FAULT = "internal_fault"
"""The reason of what was not traded for a fault of ours."""

SQUARED_OFF = "squared_off_by_broker"
"""Of an exit: the broker closed the position itself, as the account's positions show."""


class Ticket(Model):
    """One seat's orders at one account in a run; `skipped` says why there are none.

    `lease` is the token of the worker that serves it; that one alone may settle it. `turn` is how many accounts its
    broker admits before it.
    """

    run_id: str
    shard: int
    tenant: str
    subscription_id: str
    user_id: str
    client_id: str
    broker_id: str
    allocation_id: str
    intents: tuple[Intent, ...] = ()
    skipped: str | None = None
    settled: bool = False
    lease: int = 0
    turn: int = 0

    @property
    def incomplete(self) -> tuple[int, ...]:
        """The strategies that stand half: something of them is or may be filled, and not all of it certainly is."""
        by_strategy: dict[int, list[Intent]] = {}
        for intent in self.intents:
            by_strategy.setdefault(intent.strategy, []).append(intent)
        return tuple(
            number
            for number, intents in by_strategy.items()
            if any(each.filled_quantity or each.state.uncertain for each in intents)
            and not all(each.whole for each in intents)
        )

    @property
    def left_open(self) -> bool:
        """Of an exit: whether it left something open, by an order that is not whole or a reason to send none."""
        unsent = self.skipped is not None and self.skipped not in {NOTHING_TO_CLOSE, SUPERSEDED}
        return unsent or not all(intent.whole for intent in self.intents)

    @property
    def certain(self) -> bool:
        """Whether it is settled, and none of its orders may be filled any more."""
        return self.settled and not any(intent.state.uncertain for intent in self.intents)

    def certain_of(self, strategy: int) -> bool:
        """Whether none of a strategy's orders may be filled any more."""
        mine = [intent for intent in self.intents if intent.strategy == strategy]
        return not mine or (self.settled and not any(intent.state.uncertain for intent in mine))

    @property
    def name(self) -> str:
        """Unique in its run."""
        return f"{self.subscription_id}#{self.allocation_id}"

    @property
    def venue(self) -> Venue:
        """Where it trades."""
        return Venue(self.broker_id, Tenant.of(self.tenant).environment)

    def skip(self, reason: str) -> Self:
        """The ticket with no order to place, and why."""
        return self.model_copy(update={"skipped": reason, "settled": True, "intents": ()})

    def reopened(self) -> Self:
        """The ticket before its last word."""
        return self.model_copy(update={"settled": False})

    def served_under(self, lease: int) -> Self:
        """The ticket in the hands of another worker."""
        return self.model_copy(update={"lease": lease})

    def with_intents(self, intents: tuple[Intent, ...], *, settled: bool) -> Self:
        """The ticket with its intents as they now stand."""
        return self.model_copy(update={"intents": intents, "settled": settled})


class Tickets(NamedTuple):
    """What is stored of a shard: the tickets that can be read, and how many more there are."""

    read: Sequence[Ticket]
    unreadable: int = 0


class Report(Model):
    """What a shard, or a run, did; `counts` by state, `skipped` and `refused` by reason, times in ms.

    `missing_shards` counts those that ended without a report: nobody may take their silence for success.
    `resolved` are orders whose answer never came and that the book told of. `incomplete` counts tickets with a
    strategy that stands half, of an exit those that left anything open, of both those without a last word; `unwind`
    names the strategies whose rule is to close such halves at once.
    `dispatch` is how long after the boundary each account's first order left, `acknowledge` how long after it each
    order was acknowledged.
    """

    seats: int = 0
    missing_shards: int = 0
    planned: int = 0
    sent: int = 0
    acknowledged: int = 0
    filled: int = 0
    counts: dict[str, int] = {}
    skipped: dict[str, int] = {}
    refused: dict[str, int] = {}
    resolved: int = 0
    incomplete: int = 0
    unwind: tuple[int, ...] = ()
    boundary_error_ms: Decimal | None = None
    dispatch: Latencies = Latencies()
    acknowledge: Latencies = Latencies()


class Share(NamedTuple):
    """One ticket's place among `of` that trade at the same account at the same boundary, counted from 0."""

    place: int = 0
    of: int = 1


class Holder(NamedTuple):
    """Who took a shard last, and when that worker's process has to be gone."""

    name: str
    ends: datetime


class Lease(NamedTuple):
    """The right to serve a shard: `token` grows with each holder, sending is allowed until `armed_until`."""

    token: int
    armed_until: datetime | None


class Timing(NamedTuple):
    """How close to the boundary a worker works.

    `last_look` before it halts and pauses are honoured for the last time. A worker that comes more than
    `max_lateness` after it enters nobody. One that takes over from a worker that may have sent something has until
    `recovery`, for half an entry is worse than a late one at a capped price. Brokers that admit only so many orders a
    second let accounts wait for their turn, at most `admission`.
    """

    last_look: timedelta = timedelta(seconds=3)
    max_lateness: timedelta = timedelta(seconds=3)
    recovery: timedelta = timedelta(seconds=20)
    admission: timedelta = timedelta(seconds=30)
