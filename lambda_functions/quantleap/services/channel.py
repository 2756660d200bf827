"""One account's way to its broker: orders at the pace its limits allow, and the day's book."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from quantleap.domain.account import Session
from quantleap.domain.booking import Book
from quantleap.domain.broker import (
    Answer,
    Broker,
    BrokerFailure,
    Instrument,
    OrderRequest,
    Position,
    SessionExpired,
    Unknown,
)
from quantleap.domain.capabilities import Budget
from quantleap.domain.execution import Intent, Share
from quantleap.domain.ports import Line, Lines, Timer
from quantleap.services.gate import NS
from quantleap.services.retries import Retries

ANSWER_TIMEOUT_S = 5.0
"""After this long an answer is not worth waiting for: the order book knows."""


FRESH_S = 5.0
"""A request that carries the time it was made at is made anew when it is older: no broker says how old it may be."""


@dataclass(eq=False)
class Channel:
    """The connections of an account, and every request it will send, already in bytes.

    The book may lie on another host than the orders go to; then it has a line of its own. The account's limits are
    divided among all that `share` it at the boundary, and what left `before` counts too: in the entry that an exit
    closes, or from a worker that died. `session_died` once a broker has said so.
    """

    broker: Broker
    session: Session
    line: Line
    book_line: Line
    lines: Lines
    timer: Timer
    boundary_ns: int
    share: Share = field(default_factory=Share)
    before_s: Sequence[float] = ()
    session_died: bool = False
    payloads: dict[str, bytes] = field(default_factory=dict)
    book_payload: bytes = b""
    prepared_s: float = 0.0
    acted_s: list[float] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)

    def prepare(self, intents: Iterable[Intent]) -> None:
        """Turn every intent into the bytes of its request, so that nothing is left to compute."""
        self.payloads |= {intent.intent_id: self._order(intent) for intent in intents}
        self.book_payload = self._look()
        self.prepared_s = self._now_s()

    def freshen(self, intents: Iterable[Intent]) -> None:
        """Prepare again what carries the time it was prepared at."""
        if self.broker.capability.signs_time:
            self.prepare(intents)

    def _order(self, intent: Intent) -> bytes:
        return self.lines.prepare(self.broker.place(self.session, order_request(intent)))

    def _look(self) -> bytes:
        return self.lines.prepare(self.broker.order_book(self.session))

    @property
    def _stale(self) -> bool:
        return self.broker.capability.signs_time and self._now_s() > self.prepared_s + FRESH_S

    async def connect(self) -> None:
        """Open early; a broker that is down now may be up at the boundary, so the first send tries again."""
        for line in {self.line, self.book_line}:
            try:
                await line.open()
            except BrokerFailure:
                line.close()

    def hang_up(self) -> None:
        """Close what was opened."""
        self.line.close()
        self.book_line.close()

    async def ready(self) -> None:
        """Come back when the limits let an order leave and the line is open; raises `NotSent`."""
        await self._keep_pace(self.broker.capability.orders, self.acted_s, self.before_s)
        await self.line.open()

    def write(self, intent: Intent) -> Awaitable[Answer]:
        """Send an order now; raises `NotSent` before the first byte."""
        answer = self.line.write(self._order(intent) if self._stale else self.payloads[intent.intent_id])
        self.acted_s.append(self._now_s())
        return answer

    async def placed(self, answer: Awaitable[Answer]) -> str:
        """The broker's order id; raises a `BrokerFailure`."""
        heard = await self._heard(answer, self.line)
        with self._minding():
            return self.broker.placed(heard)

    async def cancel(self, intent: Intent, allowed: Callable[[], Awaitable[None]]) -> None:
        """Take a resting order back as soon as `allowed` comes back; whether it worked, the book says."""
        retries = Retries(f"{intent.intent_id}/cancel")
        while True:
            try:
                await self.ready()
                await allowed()
                await self._cancel(intent)
            except BrokerFailure as failure:
                wait = retries.wait_s(failure) if failure.retry else None
                if wait is None:
                    return
                await asyncio.sleep(wait)
            else:
                return

    async def _cancel(self, intent: Intent) -> None:
        request = self.broker.cancel(self.session, intent.order_id or "", order_request(intent))
        answer = self.line.write(self.lines.prepare(request))
        self.acted_s.append(self._now_s())
        heard = await self._heard(answer, self.line)
        with self._minding():
            self.broker.done(heard)

    async def book(self) -> Book:
        """The day's orders as they are now; raises a `BrokerFailure`."""
        heard = await self._read(lambda: self._look() if self._stale else self.book_payload)
        with self._minding():
            return Book(self.broker.orders(heard))

    async def positions(self) -> Sequence[Position]:
        """What the account holds now, whoever bought it; raises a `BrokerFailure`."""
        heard = await self._read(lambda: self.lines.prepare(self.broker.positions(self.session)))
        with self._minding():
            return self.broker.held(heard)

    async def _read(self, question: Callable[[], bytes]) -> Answer:
        """The answer to a question, which is written down when the limits let it leave: it may carry the time."""
        await self._keep_pace(Budget(self.broker.capability.reads), self.read_s)
        await self.book_line.open()
        answer = self.book_line.write(question())
        self.read_s.append(self._now_s())
        return await self._heard(answer, self.book_line)

    async def _heard(self, answer: Awaitable[Answer], line: Line) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        except TimeoutError:
            line.close()
            raise Unknown("no answer in time") from None
        except asyncio.CancelledError:
            line.close()  # its answer would be taken for the next one's
            raise

    async def _keep_pace(self, budget: Budget, done_s: Sequence[float], before_s: Sequence[float] = ()) -> None:
        """Wait until the limits for one account, or its part of them, let another call leave."""
        now_s = self._now_s()
        wait_s = budget.wait_s([*before_s, *done_s], now_s, self.share.of)
        if not done_s and self.share.place:
            wait_s = self.boundary_ns / NS + budget.begins_s(self.share.place) - now_s
        await asyncio.sleep(max(0.0, wait_s))

    @contextmanager
    def _minding(self) -> Iterator[None]:
        try:
            yield
        except SessionExpired:
            self.session_died = True
            raise

    def _now_s(self) -> float:
        return self.timer.now_ns() / NS


def order_request(intent: Intent) -> OrderRequest:
    """An intent as a broker is asked for it."""
    instrument = Instrument(intent.contract, intent.exchange, intent.symbol, intent.token, intent.lot_size, intent.tick)
    return OrderRequest(
        instrument,
        intent.side,
        intent.quantity,
        intent.limit_price,
        intent.product,
        intent.tag,
        algo_id=intent.algo_id,
    )
