"""The right to send: kept alive while a worker works, gone at once when another took its shard over."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from quantleap.domain.errors import Conflict
from quantleap.domain.ports import Timer

ARMED_FOR = timedelta(seconds=2)
"""How long one renewal lets a worker send.

A successor waits this long before it trusts the broker's order book, so it is the price of every recovery; a
renewal is one write, so it could not be much shorter.
"""

SETTLE = timedelta(seconds=1)
"""After a predecessor's last possible send, how long an order may still be on its way into the book."""

NS = 1_000_000_000


class Shut(Exception):
    """The right to send is gone, for everybody of the shard."""


class Fenced(Shut):
    """Another worker serves the shard now; this one must not send or store anything more."""


def to_ns(moment: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def from_ns(moment_ns: int) -> datetime:
    """The aware instant, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment_ns // 1000)


class Gate:
    """Open until a moment that only a renewed lease moves on."""

    def __init__(self, timer: Timer, renew: Callable[[datetime], Awaitable[None]]) -> None:
        self._timer = timer
        self._renew = renew
        self._open_until_ns = 0
        self._shut_by: Exception | None = None

    async def arm(self, not_before: datetime | None = None) -> None:
        """Open the gate for `ARMED_FOR` from now, or from a later moment; raises `Fenced`."""
        now = from_ns(self._timer.now_ns())
        until = max(now, not_before or now) + ARMED_FOR
        try:
            await self._renew(until)
        except Conflict:
            raise Fenced from None
        self._open_until_ns = to_ns(until)

    async def keep_open(self) -> None:
        """Renew at half time, until cancelled; a renewal that fails shuts the gate for good."""
        half = (ARMED_FOR / 2).total_seconds()
        try:
            while True:
                await asyncio.sleep(max(0.0, (self._open_until_ns - self._timer.now_ns()) / NS - half))
                await self.arm()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the gate is passed
            self._shut_by = error

    @property
    def is_open(self) -> bool:
        """Whether an order may leave at this instant."""
        return self._shut_by is None and self._timer.now_ns() < self._open_until_ns

    async def passed(self) -> None:
        """Come back when an order may leave; raises `Shut` when it never may again."""
        while not self.is_open:
            if isinstance(self._shut_by, Shut):
                raise self._shut_by
            if self._shut_by is not None:
                raise Shut from self._shut_by
            await asyncio.sleep(0.01)
