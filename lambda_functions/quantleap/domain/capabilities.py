"""What each broker can do and how fast, as data: shown to partners, printed in the docs, obeyed by the engine.

Facts that no document of the broker's confirms are named in `unconfirmed`: settings to verify before real orders.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from quantleap.domain.clock import IST
from quantleap.domain.model import Model
from quantleap.domain.trading import Product


class OrderType(StrEnum):
    """Kinds of order a broker takes from algorithms; we send the first two only."""

    LIMIT = "limit"
    STOP_LIMIT = "stop_limit"
    MARKET = "market"
    STOP_MARKET = "stop_market"


class OrderCall(StrEnum):
    """Calls that act on orders."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"


class AlgoId(StrEnum):
    """Where an order says which registered algorithm sent it."""

    NOWHERE = "nowhere"
    BODY = "body"
    HEADER = "header"


class Protection(StrEnum):
    """What the broker makes of a market order."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"
    NO_MARKET_ORDERS = "no_market_orders"


class Binding(StrEnum):
    """What ties a login that comes back to the one that was begun."""

    STATE = "state"
    """The broker returns our state with the code."""
    REDIRECT = "redirect"
    """The broker returns nothing of ours, so the address it returns to is the login's own."""


class StaticIp(StrEnum):
    """Whose fixed address order calls must come from."""

    PER_CLIENT = "per_client"
    """Registered by each client; a family may share it."""
    ONE_CLIENT_ONLY = "one_client_only"
    """An address serves one client and no other."""
    NOT_NEEDED = "not_needed"


class Pace(NamedTuple):
    """At most so many calls in so many seconds."""

    calls: int
    seconds: int

    def shared(self, sharers: int) -> "Pace":
        """What each of so many may do who act for the same account at once, so that together they keep to this."""
        return Pace(max(1, self.calls // sharers), self.seconds * -(-sharers // self.calls))


EXCHANGE_PACE = Pace(10, 1)
"""Of one client in one exchange segment without a registered algorithm (NSE/INVG/67858), whatever the broker allows."""

ALL_CALLS = tuple(OrderCall)


class Budget(NamedTuple):
    """How fast one account may act on orders in one exchange segment, and which calls count."""

    paces: tuple[Pace, ...]
    counts: tuple[OrderCall, ...] = ALL_CALLS

    def wait_s(self, sent: Sequence[float], now: float, sharers: int = 1) -> float:
        """Seconds until one more call may leave, given when the counted ones left, oldest first.

        Of `sharers` who act for the account at once each has its part.
        """
        paces = (pace.shared(sharers) for pace in self._all)
        waits = (sent[-pace.calls] + pace.seconds - now for pace in paces if len(sent) >= pace.calls)
        return max([0.0, *waits])

    def begins_s(self, place: int) -> int:
        """Seconds that one waits who comes after `place` others of the account, each with an order at once."""
        return max(place // pace.calls * pace.seconds for pace in self._all)

    @property
    def _all(self) -> tuple[Pace, ...]:
        return (EXCHANGE_PACE, *self.paces)


class TagRule(NamedTuple):
    """Which texts an order may carry; `alphabet` is the inside of a regular expression's brackets."""

    length: int
    alphabet: str = "A-Za-z0-9"

    def fits(self, tag: str) -> bool:
        """Whether the broker keeps the text whole."""
        return re.fullmatch(f"[{self.alphabet}]{{1,{self.length}}}", tag) is not None


class BookRule(NamedTuple):
    """How late an order book may be: an order that arrived is in it after so many seconds.

    What it lacks for `MARGIN` times as long, at every look, is taken for not there, and may be sent by a successor.
    An order that shows later than that is sent twice; no broker documents a number, so each is ours until measured.
    """

    lag_s: int

    @property
    def absent_after_s(self) -> int:
        """How long absence has to be seen."""
        return MARGIN * self.lag_s


MARGIN = 2
"""Books are slowest at the very minutes in which everybody trades."""


class TokenRule(NamedTuple):
    """When a session ends: at an hour in India, or after a life, whichever comes first."""

    dies_at: time
    life: timedelta | None = None

    def ends(self, at: datetime) -> datetime:
        """The end of a session that begins at that time."""
        local = at.astimezone(IST)
        hour = datetime.combine(local.date(), self.dies_at, IST)
        end = hour if hour > local else hour + timedelta(days=1)
        return end if self.life is None else min(end, at + self.life)


NEUTRAL_CODE = "request_token"
"""A code of any broker may be handed over under this name."""


class LoginRule(NamedTuple):
    """How the login page returns: what ties it to its beginning, and the names that its code may have.

    `secret` says whether the app's secret is needed to turn the code into a session, `beside` what else the page
    returns with, and `names_redirect` whether the page has to be told where it returns to.
    """

    binding: Binding
    code_names: tuple[str, ...]
    secret: bool = True
    beside: tuple[str, ...] = ()
    names_redirect: bool = False

    def code(self, came: Mapping[str, str]) -> str | None:
        """The code among what came back, its name written in any case; None without one."""
        return next(iter(self.codes(came)), None)

    def codes(self, came: Mapping[str, str]) -> Sequence[str]:
        """Every code that came back, under whichever name, each once."""
        folded = {name.lower(): value for name, value in came.items() if value}
        names = (name.lower() for name in (*self.code_names, NEUTRAL_CODE))
        return list(dict.fromkeys(folded[name] for name in names if name in folded))

    def unknown(self, came: Iterable[str]) -> list[str]:
        """The names this broker's page does not return with."""
        known = {name.lower() for name in (*self.code_names, NEUTRAL_CODE, *self.beside)}
        return [name for name in came if name.lower() not in known]


class Capability(Model):
    """One broker's row of the table.

    `slices` is how many orders the broker cuts a large one into when asked, 0 when it does not. One quote request may
    name `quotes_at_once` instruments, one margin request `margin_at_once` orders; without `quote_depth` the last
    price stands for bid and ask too. `admits` is how many orders of all our users together it takes, None where it
    sets no such limit. Where it `signs_time`, a request carries when it was made and is no good later.
    """

    broker_id: str
    title: str
    order_types: tuple[OrderType, ...]
    products: tuple[Product, ...]
    tag: TagRule
    algo_id: AlgoId
    protection: Protection
    slices: int
    orders: Budget
    reads: tuple[Pace, ...]
    book: BookRule
    quotes_at_once: int
    quote_depth: bool = True
    margin_at_once: int = 50
    token: TokenRule
    login: LoginRule
    static_ip: StaticIp
    kill_switch: bool
    master_needs_session: bool
    admits: Pace | None = None
    signs_time: bool = False
    unconfirmed: tuple[str, ...] = ()

    def limited(self, orders: Iterable[Pace], reads: Iterable[Pace]) -> Self:
        """The row with other limits, as they were written since the release."""
        return self.model_copy(update={"orders": self.orders._replace(paces=tuple(orders)), "reads": tuple(reads)})

    def admission_wait_s(self, turn: int, orders: int) -> int:
        """Seconds an account waits that comes after `turn` others of the run, each with as many orders."""
        return 0 if self.admits is None else turn * orders // self.admits.calls * self.admits.seconds
