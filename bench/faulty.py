"""A broker of virtual time that may do anything a broker has been seen to do, and a book that tells the truth."""

import asyncio
import json
import math
import random
import sys
from collections import Counter, defaultdict
from typing import NamedTuple, Self

from quantleap.domain.broker import Answer
from tests.engine import VirtualLoop

GARBAGE = (b"", b"<html>502</html>", b'{"stat":"Ok"}', b'{"stat":')
LONGEST_REST_S = 8.0
"""Some orders are filled while somebody looks, some while they are taken back, some after that would be too late."""

MOST_LATE_S = 0.9
"""How long an order may be on its way: a worker that takes over counts on less than a second."""


class Odds(NamedTuple):
    """How often each thing happens to an order, or to a reading of the book."""

    lose_order: float = 0.02
    lose_answer: float = 0.02
    garbage: float = 0.01
    refuse: float = 0.02
    too_fast: float = 0.02
    reject: float = 0.01
    rest: float = 0.01
    fill_late: float = 0.02
    silence: float = 0.003
    unreadable_book: float = 0.02
    latency_s: float = 0.08
    spread: float = 0.8
    """Of the latency, which is log-normal: one in a hundred takes more than six times the middle one."""

    @classmethod
    def calm(cls, latency_s: float, spread: float) -> Self:
        """A broker of which nothing is to be complained but its speed."""
        return cls(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, latency_s, spread)


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
    ) -> None:
        self._chance = chance
        self._odds = odds
        self._between_s = 1 / admitted_per_s
        self._free_at = 0.0
        self._accounts: defaultdict[str, list[tuple[float, dict[str, str]]]] = defaultdict(list)
        self.sends = 0
        self.placed: Counter[str] = Counter()
        self.last_arrival_s = 0.0
        self._lines: dict[str, dict[str, str]] = {}
        self._fills_at: dict[str, float] = {}

    def answer(self, payload: bytes) -> tuple[float, Answer | None]:
        """Seconds until the answer, and the answer, or None when the connection breaks instead."""
        head, _, body = payload.partition(b"\r\n\r\n")
        fields = json.loads(body.removeprefix(b"jData="))
        latency = self._chance.lognormvariate(0, self._odds.spread) * self._odds.latency_s
        if b"/PlaceOrder" in head:
            return self._place(fields, latency + self._queued())
        if b"/CancelOrder" in head:
            return self._cancel(fields["norenordno"], latency)
        if self._happens(self._odds.unreadable_book):
            return latency, Answer(502, {}, b"<html>")
        return latency, _told(self._book(fields["uid"]) or {"stat": "Not_Ok", "emsg": "no data"})

    def _queued(self) -> float:
        """How long an order waits for its turn, where the broker admits so many in a second."""
        now = _now_s()
        self._free_at = max(now, self._free_at) + self._between_s
        return self._free_at - now

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _place(self, fields: dict[str, str], latency: float) -> tuple[float, Answer | None]:
        self.sends += 1
        odds = self._odds
        if self._happens(odds.lose_order):
            return latency, None
        if self._happens(odds.too_fast):
            return latency, _told({"stat": "Not_Ok", "emsg": "Rate limit exceeded"})
        if self._happens(odds.refuse):
            return latency, _told({"stat": "Not_Ok", "emsg": "RMS: margin shortfall"})
        number = self._enter(fields, latency)
        if self._happens(odds.lose_answer):
            return latency, None
        if self._happens(odds.garbage):
            return latency, Answer(200, {}, self._chance.choice(GARBAGE))
        return (60.0 if self._happens(odds.silence) else latency), _told({"stat": "Ok", "norenordno": number})

    def _enter(self, fields: dict[str, str], latency: float) -> str:
        """Into the book it goes, at some moment between now and the answer."""
        status = "REJECTED" if self._happens(self._odds.reject) else "COMPLETE"
        rests, late = self._happens(self._odds.rest), self._happens(self._odds.fill_late)
        status = "OPEN" if rests or late else status
        number = f"O{self.sends}"
        line = {
            "norenordno": number,
            "remarks": fields["remarks"],
            "status": status,
            "qty": fields["qty"],
            "fillshares": fields["qty"] if status == "COMPLETE" else "0",
            "avgprc": fields["prc"],
            "rejreason": "RMS: margin shortfall" if status == "REJECTED" else "",
        }
        self.placed[fields["remarks"]] += 1
        self._lines[number] = line
        arrival = max(self._free_at, _now_s() + min(latency * self._chance.random(), MOST_LATE_S))
        self.last_arrival_s = max(self.last_arrival_s, arrival)
        self._accounts[fields["actid"]].append((arrival, line))
        if late:
            self._fills_at[number] = arrival + self._chance.uniform(0, LONGEST_REST_S)
        return number

    def _book(self, client_id: str) -> list[dict[str, str]]:
        now = _now_s()
        arrived = (line for at, line in self._accounts[client_id] if at <= now)
        return [_filled(line, self._is_filled(line, now)) for line in arrived]

    def _is_filled(self, line: dict[str, str], now: float) -> bool:
        return line["status"] == "OPEN" and self._fills_at.get(line["norenordno"], math.inf) <= now

    def _cancel(self, number: str, latency: float) -> tuple[float, Answer | None]:
        """Taken back at once, unless it is finished; the answer may be lost, as any."""
        line = self._lines[number]
        finished = line["status"] != "OPEN" or self._is_filled(line, _now_s())
        if not finished:
            line["status"] = "CANCELED"
        if self._happens(self._odds.lose_answer):
            return latency, None
        return latency, _told({"stat": "Not_Ok", "emsg": "not open"} if finished else {"stat": "Ok", "result": number})

    def filled(self) -> Counter[str]:
        """Units by tag once everything has come to its end."""
        lines = (_filled(line, self._is_filled(line, sys.float_info.max)) for line in self._lines.values())
        return Counter({line["remarks"]: int(line["fillshares"]) for line in lines})


def _filled(line: dict[str, str], filled: bool) -> dict[str, str]:  # noqa: FBT001 - what is asked
    return {**line, "status": "COMPLETE", "fillshares": line["qty"]} if filled else line


def _told(reply: object) -> Answer:
    return Answer(200, {}, json.dumps(reply).encode())


def _now_s() -> float:
    """The virtual wall clock, which outlives a loop as the broker outlives a worker."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("this broker lives in virtual time")
    return loop.now_ns() / 1e9
