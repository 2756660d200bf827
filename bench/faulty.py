"""A broker of virtual time that may do anything a broker has been seen to do, and keeps the truth beside its book."""

import asyncio
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from quantleap.domain.broker import Answer
from tests import misprints
from tests.engine import Line, VirtualLoop

GARBAGE = (b"", b"<html>502</html>", b'{"stat":"Ok"}', b'{"stat":')
LONGEST_REST_S = 8.0
"""Some orders are filled while somebody looks, some while they are taken back, some after that would be too late."""

MOST_LATE_S = 0.9
"""How long an order may be on its way: a worker that takes over counts on less than a second."""

LATE_WORD_S = (1.0, 20.0)
"""How long after it told of a cancellation a broker may tell of the fill that came before it."""

EMPTY: Line = {"stat": "Not_Ok", "emsg": "no data"}


class Odds(NamedTuple):
    """How often each thing happens to an order, or to a look into the book."""

    lose_order: float = 0.02
    lose_answer: float = 0.02
    garbage: float = 0.01
    refuse: float = 0.02
    too_fast: float = 0.02
    double_row: float = 0.5
    """Of what was turned away as too fast: the book keeps a row of it beside that of the next try."""
    reject: float = 0.01
    rest: float = 0.01
    fill_late: float = 0.02
    partly: float = 0.02
    """Filled in two parts, the second late or never."""
    late_word: float = 0.1
    """Of cancellations: the order was filled just before, and the book says so much later."""
    silence: float = 0.003
    unreadable_book: float = 0.02
    empty_book: float = 0.01
    cut_book: float = 0.01
    """Some of the rows are missing from one look."""
    misprint: float = 0.02
    """One look shows its rows oddly: in groups of digits, twice, in words nobody knows, without units."""
    latency_s: float = 0.08
    spread: float = 0.8
    """Of the latency, which is log-normal: one in a hundred takes more than six times the middle one."""

    @classmethod
    def calm(cls, latency_s: float, spread: float) -> Self:
        """A broker of which nothing is to be complained but its speed."""
        return cls(**dict.fromkeys(cls._fields, 0.0) | {"latency_s": latency_s, "spread": spread})


class Habits(NamedTuple):
    """What a broker does all day: how far its book lags, what it makes of tags and rows, when which token dies."""

    lag_s: float = 0.0
    tag: Callable[[str], str] = str
    prints: Callable[[list[Line]], list[Line]] = list
    token_dies_at: Mapping[str, float] = {}


@dataclass(eq=False)
class Truth:
    """One order as it really went; times are seconds since 1970."""

    number: str
    fields: Line
    sent_at: float
    arrived_at: float
    rejected: str = ""
    fills: list[tuple[float, int]] = field(default_factory=list)
    cancelled_at: float = math.inf
    told_at: float = 0.0
    """From when on the book admits what was filled before a cancellation."""

    @property
    def tag(self) -> str:
        """The text of ours that it carries."""
        return self.fields["remarks"]

    @property
    def wanted(self) -> int:
        """Units."""
        return int(self.fields["qty"])

    def filled(self, by: float = math.inf) -> int:
        """Units filled by then."""
        return sum(units for at, units in self.fills if at <= min(by, self.cancelled_at))

    def row(self, at: float) -> Line:
        """As the book would have it that tells everything at once."""
        filled = self.filled(at) if at >= self.told_at else 0
        over = "CANCELED" if at >= self.cancelled_at else "OPEN"
        status = "REJECTED" if self.rejected else "COMPLETE" if filled == self.wanted else over
        return {
            **self.fields,
            "norenordno": self.number,
            "status": status,
            "fillshares": str(filled),
            "avgprc": self.fields["prc"],
            "rejreason": self.rejected,
        }


class Act(NamedTuple):
    """A call that counts against an account's limits; `tag` is empty of a cancellation."""

    at: float
    account: str
    tag: str = ""


class FaultyBroker:
    """Zebu's wire, as `FakeLines` of the tests' engine speak to it; it outlives the workers that call."""

    refuse_connections = False
    connects_in_s = 0.0
    hangs_up_after_s = math.inf

    def __init__(
        self,
        chance: random.Random,
        odds: Odds = Odds(),  # noqa: B008 - immutable
        admitted_per_s: float = math.inf,
        habits: Habits = Habits(),  # noqa: B008 - immutable
    ) -> None:
        self._chance = chance
        self.odds = odds
        self._habits = habits
        self._between_s = 1 / admitted_per_s
        self._free_at = 0.0
        self._accounts: defaultdict[str, list[Truth]] = defaultdict(list)
        self._orders: dict[str, Truth] = {}
        self.acts: list[Act] = []
        self.drawn: Counter[str] = Counter()
        self.last_arrival_s = 0.0

    @property
    def sends(self) -> int:
        """Orders that were written to it, whatever became of them."""
        return sum(bool(act.tag) for act in self.acts)

    @property
    def orders(self) -> Iterable[Truth]:
        """All that it took, each as it really went."""
        return (order for order in self._orders.values() if not order.number.startswith("R"))

    def answer(self, payload: bytes) -> tuple[float, Answer | None]:
        """Seconds until the answer, and the answer, or None when the connection breaks instead."""
        head, _, body = payload.partition(b"\r\n\r\n")
        fields = json.loads(body.removeprefix(b"jData="))
        latency = self._chance.lognormvariate(0, self.odds.spread) * self.odds.latency_s
        account = fields.get("actid") or fields["uid"]
        if b"/PlaceOrder" in head:
            self.acts.append(Act(_now_s(), account, fields["remarks"]))
        elif b"/CancelOrder" in head:
            self.acts.append(Act(_now_s(), account))
        if _now_s() >= self._habits.token_dies_at.get(account, math.inf):
            self.drawn["dead token"] += 1
            return latency, _told({"stat": "Not_Ok", "emsg": "Session Expired : Invalid Session Key"})
        if b"/PlaceOrder" in head:
            return self._place(fields, latency + self._queued())
        if b"/CancelOrder" in head:
            return self._cancel(fields["norenordno"], latency)
        return latency, self._shown(account)

    def _queued(self) -> float:
        """How long an order waits for its turn, where the broker admits so many in a second."""
        now = _now_s()
        self._free_at = max(now, self._free_at) + self._between_s
        return self._free_at - now

    def _happens(self, fault: str) -> bool:
        happens: bool = self._chance.random() < getattr(self.odds, fault)
        self.drawn[fault] += happens
        return happens

    def _place(self, fields: Line, latency: float) -> tuple[float, Answer | None]:
        if self._happens("lose_order"):
            return latency, None
        if self._happens("too_fast"):
            if self._happens("double_row"):
                self._enter(f"R{len(self._orders) + 1}", fields, latency).rejected = "RMS: too many orders"
            return latency, _told({"stat": "Not_Ok", "emsg": "Rate limit exceeded"})
        if self._happens("refuse"):
            return latency, _told({"stat": "Not_Ok", "emsg": "RMS: margin shortfall"})
        order = self._enter(f"O{len(self._orders) + 1}", fields, latency)
        self._decide(order)
        if self._happens("lose_answer"):
            return latency, None
        if self._happens("garbage"):
            return latency, Answer(200, {}, self._chance.choice(GARBAGE))
        return (60.0 if self._happens("silence") else latency), _told({"stat": "Ok", "norenordno": order.number})

    def _enter(self, number: str, fields: Line, latency: float) -> Truth:
        """Into the book it goes, at some moment between now and the answer."""
        arrived_at = max(self._free_at, _now_s() + min(latency * self._chance.random(), MOST_LATE_S))
        self.last_arrival_s = max(self.last_arrival_s, arrived_at)
        order = self._orders[number] = Truth(number, fields, _now_s(), arrived_at)
        self._accounts[fields["actid"]].append(order)
        return order

    def _decide(self, order: Truth) -> None:
        """What becomes of an order, unless it is taken back first."""
        if self._happens("reject"):
            order.rejected = "RMS: margin shortfall"
        if order.rejected or self._happens("rest"):
            return
        at, late = order.arrived_at, order.arrived_at + self._chance.uniform(0, LONGEST_REST_S)
        if order.wanted > 1 and self._happens("partly"):
            part = self._chance.randrange(1, order.wanted)
            order.fills = [(at, part)]
            if self._chance.random() < 1 / 2:
                order.fills.append((late, order.wanted - part))
        else:
            order.fills = [(late if self._happens("fill_late") else at, order.wanted)]

    def _shown(self, account: str) -> Answer:
        """One look into the book."""
        if self._happens("unreadable_book"):
            return Answer(502, {}, b"<html>")
        shown_at = _now_s() - self._habits.lag_s
        rows = [order.row(shown_at) for order in self._accounts[account] if order.arrived_at <= shown_at]
        rows = [row | {"remarks": self._habits.tag(row["remarks"])} for row in rows]
        if self._happens("cut_book"):
            rows = [row for row in rows if self._chance.random() < 1 / 2]
        if self._habits.prints is list and self._happens("misprint"):
            rows = self._chance.choice((*misprints.AS_GOOD, *misprints.SILENT))(rows)
        rows = self._habits.prints(rows)
        return _told((not self._happens("empty_book") and rows) or EMPTY)

    def _cancel(self, number: str, latency: float) -> tuple[float, Answer | None]:
        """Taken back at once, unless it is finished; the answer may be lost, as any."""
        order, now = self._orders[number], _now_s()
        finished = order.row(now)["status"] != "OPEN"
        if not finished:
            self._take_back(order, now)
        if self._happens("lose_answer"):
            return latency, None
        return latency, _told({"stat": "Not_Ok", "emsg": "not open"} if finished else {"stat": "Ok", "result": number})

    def _take_back(self, order: Truth, now: float) -> None:
        order.cancelled_at = now
        if self._happens("late_word"):
            order.fills = [*(each for each in order.fills if each[0] <= now), (now, order.wanted - order.filled())]
            order.told_at = now + self._chance.uniform(*LATE_WORD_S)


def filled(orders: Sequence[Truth], by: float = math.inf) -> Counter[str]:
    """Units by tag that were filled by then."""
    units = Counter[str]()
    for order in orders:
        units[order.tag] += order.filled(by)
    return units


def _told(reply: object) -> Answer:
    return Answer(200, {}, json.dumps(reply).encode())


def _now_s() -> float:
    """The virtual wall clock, which outlives a loop as the broker outlives a worker."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("this broker lives in virtual time")
    return loop.now_ns() / 1e9
