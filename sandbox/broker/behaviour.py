"""How the broker behaves: its speed, how it fills, and what goes wrong on demand.

Chance is drawn from the seed and, for each client, the number of the draw, so a run with the same seed sees
the same failures however the clients' requests interleave.
"""

import random
from collections import Counter
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FillMode(StrEnum):
    """What becomes of an order the market would take."""

    IMMEDIATE = "immediate"
    REST = "rest"
    """Nothing fills."""
    PARTIAL = "partial"
    """Half of the lots fill, rounded down; the others stay open."""


class Rejection(StrEnum):
    """A refusal that the broker decides, not the order's form.

    The last four answer the request; all of them but the last leave no order. Where the others show, in the answer, in
    the order book or in both, differs from broker to broker.
    """

    INSUFFICIENT_FUNDS = "insufficient_funds"
    PRICE_BAND = "price_band"
    MARKET_CLOSED = "market_closed"
    ACCOUNT_BLOCKED = "account_blocked"
    EXCHANGE_CANCELLED = "exchange_cancelled"
    """The exchange cancels what is beyond the range it trades in now, and says so in the book."""
    SESSION_EXPIRED = "session_expired"
    RATE_LIMITED = "rate_limited"
    ADDRESS_UNKNOWN = "address_unknown"
    """The address that the request came from is not registered."""
    UNCLEAR = "unclear"
    """Placed, and then a no in words that are in no document."""


type BookRejection = Literal[
    Rejection.INSUFFICIENT_FUNDS,
    Rejection.PRICE_BAND,
    Rejection.MARKET_CLOSED,
    Rejection.ACCOUNT_BLOCKED,
    Rejection.EXCHANGE_CANCELLED,
]
"""Rejections an order book can show."""

BEYOND_RANGE = "17070 : The Price is out of the current execution range"
BEYOND_LPP_RANGE = "17070 : The Price is out of the LPP range"
"""The exchange's words for the same, the older and the present ones: brokers pass them on."""

UNCLEAR_TEXT = "Error while calling service, Please contact admin (1)"
"""As one broker says, whatever became of the order."""


class Fault(StrEnum):
    """A broken answer to PlaceOrder; each name tells whether the order exists all the same."""

    DROP_BEFORE_PLACE = "drop_before_place"
    HTTP_500_BEFORE_PLACE = "http_500_before_place"
    DROP_AFTER_PLACE = "drop_after_place"
    HTTP_500_AFTER_PLACE = "http_500_after_place"
    EMPTY_BODY = "empty_body"
    """Placed, then HTTP 200 with nothing in it."""
    HTML = "html"
    """Placed, then HTTP 200 with a web page."""
    WRONG_TYPE = "wrong_type"
    """Placed, then the right answer under the content type of a web page."""
    SLOW_DRIP = "slow_drip"
    """Placed, then the right answer in many pieces with pauses between."""
    ANSWERED_TWICE = "answered_twice"
    """Placed once, then the right answer, and on the same connection once more."""
    SESSION_KILLED = "session_killed"
    """Placed, then the client's sessions end and the connection is cut."""
    TIMEOUT = "timeout"
    """Placed, then silence until the client hangs up."""

    @property
    def places(self) -> bool:
        """Whether the order exists although its answer is broken."""
        return self not in {Fault.DROP_BEFORE_PLACE, Fault.HTTP_500_BEFORE_PLACE}


class Misprint(StrEnum):
    """What is wrong with the order book as it is shown; the orders themselves are as they are."""

    TWICE = "twice"
    """Every line again."""
    EMPTY = "empty"
    """As if nobody had ever traded."""
    TAGS_CUT = "tags_cut"
    """Ten characters of each tag."""
    TAGS_UPPER = "tags_upper"
    """Tags in capitals."""
    TAGS_DROPPED = "tags_dropped"
    """No tags."""
    NO_UNITS = "no_units"
    """Complete, with 0 units filled."""
    TURNED_AWAY_BEFORE = "turned_away_before"
    """After each order one that was rejected, with the same tag and another number."""


class Rule(BaseModel):
    """When something goes wrong: for whom, how often in all, how likely each time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str | None = None
    count: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1, ge=0, le=1)


class Behaviour(BaseModel):
    """What the control API shows and sets; milliseconds are of the answer, not of the order's arrival."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: float = Field(default=0, ge=0, le=60_000)
    latency_jitter_ms: float = Field(default=0, ge=0, le=60_000)
    clock_skew_s: float = Field(default=0, ge=-604_800, le=604_800, description="how far the broker's clock is ahead")
    fill: FillMode = FillMode.IMMEDIATE
    reject: dict[Rejection, Rule] = {}
    reject_after_accept: dict[BookRejection, Rule] = Field(
        default={}, description="accepted, then rejected in the book"
    )
    book: dict[Misprint, Rule] = Field(default={}, description="looks into the order book that show it wrong")
    book_late_ms: float = Field(default=0, ge=0, le=60_000, description="how old an order is before the book shows it")
    storm: Rule | None = Field(default=None, description="HTTP 429 to any call, before anything is done")
    faults: dict[Fault, Rule] = {}


class Temper:
    """A behaviour at work: it knows how often each rule has struck."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draws: Counter[tuple[str, str]] = Counter()
        self.become(Behaviour())

    def become(self, behaviour: Behaviour) -> None:
        """Behave so from now on; every rule's count starts anew."""
        self.behaviour = behaviour
        self._struck: Counter[str] = Counter()

    def rejection(self, client_id: str) -> Rejection | None:
        """The refusal that this order meets, if any."""
        return self._first(self.behaviour.reject, client_id)

    def late_rejection(self, client_id: str) -> Rejection | None:
        """The rejection that this order meets after it was accepted, if any."""
        found = self.behaviour.reject_after_accept
        return next((kind for kind, rule in found.items() if self._strikes(f"late {kind}", rule, client_id)), None)

    def storms(self, client_id: str) -> bool:
        """Whether this call is only told that there are too many."""
        return self._maybe("storm", self.behaviour.storm, client_id)

    def misprints(self, client_id: str) -> list[Misprint]:
        """What this look into the book finds wrong."""
        return [kind for kind, rule in self.behaviour.book.items() if self._strikes(f"book {kind}", rule, client_id)]

    def fault(self, client_id: str) -> Fault | None:
        """The broken answer that this order gets, if any."""
        return self._first(self.behaviour.faults, client_id)

    def delay_s(self, client_id: str) -> float:
        """Seconds to wait before answering."""
        jitter = self.behaviour.latency_jitter_ms
        extra = jitter * self._chance("latency", client_id) if jitter else 0
        return (self.behaviour.latency_ms + extra) / 1000

    def _maybe(self, kind: str, rule: Rule | None, client_id: str) -> bool:
        return rule is not None and self._strikes(kind, rule, client_id)

    def _first[K: StrEnum](self, rules: dict[K, Rule], client_id: str) -> K | None:
        return next((kind for kind, rule in rules.items() if self._strikes(kind, rule, client_id)), None)

    def _strikes(self, kind: str, rule: Rule, client_id: str) -> bool:
        if rule.client_id not in {None, client_id}:
            return False
        if rule.count is not None and self._struck[kind] >= rule.count:
            return False
        if rule.probability < 1 and self._chance(kind, client_id) >= rule.probability:
            return False
        self._struck[kind] += 1
        return True

    def _chance(self, what: str, client_id: str) -> float:
        self._draws[what, client_id] += 1
        number = self._draws[what, client_id]
        return random.Random(f"{self._seed}/{what}/{client_id}/{number}").random()
