"""One account's orders in a run: hedges first, each placed once, each with its outcome.

What is certainly not placed is tried again; what may have been placed is looked up by its tag and never sent
again; sells leave only when every hedge is filled, as the broker's book says.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from quantleap.domain.account import Session
from quantleap.domain.basket import Side
from quantleap.domain.broker import (
    Answer,
    BookedOrder,
    Broker,
    BrokerFailure,
    Instrument,
    OrderRequest,
    OrderStatus,
    SessionExpired,
    Unknown,
)
from quantleap.domain.execution import Intent, Share, State, Ticket
from quantleap.domain.ports import Line, Lines, Timer
from quantleap.services.gate import NS, Gate
from quantleap.services.lookout import Lookout, Unwatched
from quantleap.services.retries import Retries

ANSWER_TIMEOUT_S = 5.0
"""After this long an answer is not worth waiting for: the order book knows."""

LOOKUPS_S = (0.2, 0.5, 1.0, 2.0)
"""Waits before each look into the book for an order nobody answered for, or a hedge that is not filled yet."""

BOOKED = {
    OrderStatus.FILLED: State.FILLED,
    OrderStatus.OPEN: State.OPEN,
    OrderStatus.PARTIAL: State.OPEN,
    OrderStatus.REJECTED: State.REJECTED,
    OrderStatus.CANCELLED: State.REJECTED,
}


class Opening(NamedTuple):
    """An order that left at the boundary, its answer not yet here."""

    intent: Intent
    answer: Awaitable[Answer]


@dataclass(eq=False)
class Trader:
    """A ticket, the connection it trades over, and every request it will send, already in bytes.

    The book may lie on another host than the orders go to; then it has a line of its own. `buys` is what its buy
    orders are: hedges on the way in, buybacks on the way out. Either way sells wait for them. `lookout` says at any
    moment why no further order may leave. `opens_ns` is when the broker admits its first order, `begins_within_ns` how
    long after that it may still leave. The account's limits are divided among all that `share` it.
    """

    ticket: Ticket
    broker: Broker
    session: Session
    line: Line
    book_line: Line
    lines: Lines
    timer: Timer
    boundary_ns: int
    opens_ns: int = 0
    begins_within_ns: int | None = None
    share: Share = field(default_factory=Share)
    lookout: Lookout | Unwatched = field(default_factory=Unwatched)
    buys: str = "hedge"
    session_died: bool = False
    payloads: dict[str, bytes] = field(default_factory=dict)
    book_payload: bytes = b""
    intents: dict[str, Intent] = field(default_factory=dict)
    sent_s: list[float] = field(default_factory=list)

    def prepare(self) -> None:
        """Turn every intent into the bytes of its request, so that nothing is left to compute."""
        self.intents = {intent.intent_id: intent for intent in self.ticket.intents}
        for intent in self.ticket.intents:
            request = self.broker.place(self.session, order_request(intent))
            self.payloads[intent.intent_id] = self.lines.prepare(request)
        self.book_payload = self.lines.prepare(self.broker.order_book(self.session))

    def among(self, share: Share) -> None:
        """Leave the others of the account their part of its limits."""
        self.share = share
        self.opens_ns = max(self.opens_ns, self.boundary_ns + self.broker.capability.orders.begins_s(share.place) * NS)

    @property
    def pending(self) -> list[Intent]:
        """What is still to be placed, in order."""
        return [intent for intent in self.intents.values() if intent.state is State.PLANNED]

    @property
    def untouched(self) -> bool:
        """Whether no order of the ticket was placed yet."""
        return len(self.pending) == len(self.intents)

    def settled(self) -> Ticket:
        """The ticket as the run leaves it."""
        if self.ticket.skipped:
            return self.ticket
        return self.ticket.with_intents(tuple(self.intents.values()), settled=True)

    def skip(self, reason: str) -> None:
        """Place nothing, and say why."""
        self.ticket = self.ticket.skip(reason)
        self.intents = {}

    def give_up(self, state: State, reason: str) -> None:
        """End every order still to be placed with a reason."""
        for intent in self.pending:
            self._note(intent, state, reason=reason)

    def open_fire(self) -> Opening | None:
        """Write the first order now; whatever fails is left to `trade`."""
        first = next(iter(self.pending), None)
        if first is None or self.opens_ns > self.boundary_ns or self.lookout.stops(self.ticket):
            return None
        try:
            return Opening(*self._write(first))
        except BrokerFailure:
            return None

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

    async def trade(self, gate: Gate, opening: Opening | None) -> None:
        """Place what is pending: hedges, then sells; ends with every intent in its last known state."""
        if opening is not None:
            await self._place(opening.intent, gate, opening.answer)
        await self.timer.until(self.opens_ns)
        await self._place_all(Side.BUY, gate)
        if await self._hedges_stand():
            await self._place_all(Side.SELL, gate)
        if not self.ticket.skipped:
            await self.read_book()

    async def _place_all(self, side: Side, gate: Gate) -> None:
        for intent in self._pending_of(side):
            if await self._may_go_on():
                await self._place(intent, gate)

    async def _may_go_on(self) -> bool:
        """Whether another order may leave; if not, what is pending ends with the reason."""
        reason = self._over_because() or await self.lookout.asked(self.ticket)
        if reason is None:
            return True
        if self.untouched:
            self.skip(reason)
        else:
            self.give_up(State.NOT_SENT, reason)
        return False

    def _over_because(self) -> str | None:
        """Why the account is done with, whatever is halted or not."""
        if self.session_died:
            return SessionExpired.reason
        late = self.begins_within_ns is not None and self.timer.now_ns() > self.opens_ns + self.begins_within_ns
        return "entry_window_over" if late and self.untouched else None

    async def recover(self) -> None:
        """Adopt what a predecessor placed; with no book to read, nothing more may be sent."""
        if not await self.read_book():
            self.give_up(State.UNKNOWN, "order_book_unreadable")

    async def read_book(self) -> bool:
        """Bring every intent up to what the broker's book says; False when it cannot be read."""
        retries = Retries(self.ticket.name)
        while True:
            try:
                booked = await self._booked()
            except BrokerFailure as failure:
                self._hear(failure)
                wait = None if self.session_died else retries.wait_s(failure)
                if wait is None:
                    return False
                await asyncio.sleep(wait)
            else:
                self._adopt(booked)
                return True

    def _pending_of(self, side: Side) -> Iterable[Intent]:
        return [intent for intent in self.pending if intent.side is side]

    async def _hedges_stand(self) -> bool:
        """Whether sells may leave; otherwise they are ended with the reason."""
        if not self._pending_of(Side.SELL):
            return False
        reason = await self._unhedged_because()
        if reason is not None:
            self.give_up(State.NOT_SENT, reason)
        return reason is None

    async def _unhedged_because(self) -> str | None:
        """Why the hedges do not protect, or None when every one of them is filled, as the book says.

        An accepted order is not a filled one, and a refusal for margin comes only in the book.
        """
        hedges = [name for name, intent in self.intents.items() if intent.side is Side.BUY]
        if not hedges:
            return None
        for wait in (0.0, *LOOKUPS_S):
            await asyncio.sleep(wait)
            if not await self.read_book():
                return f"{self.buys}_unconfirmed"
            states = {self.intents[name].state for name in hedges}
            if states == {State.FILLED}:
                return None
            if not all(state.placed for state in states):
                return f"{self.buys}_failed"
        return f"{self.buys}_unfilled"

    async def _place(self, intent: Intent, gate: Gate, answer: Awaitable[Answer] | None = None) -> None:
        retries = Retries(intent.intent_id)
        while True:
            try:
                if answer is None:
                    intent, answer = await self._send(intent, gate)
                order_id = self.broker.placed(await self._answered(answer, self.line))
            except Unknown as failure:
                await self._look_up(intent, failure)
                return
            except BrokerFailure as failure:
                self._hear(failure)
                wait = retries.wait_s(failure) if failure.retry else None
                if wait is None:
                    state = State.NOT_SENT if failure.retry else State.REFUSED
                    self._note(intent, state, reason=failure.reason)
                    return
                answer = None
                await asyncio.sleep(wait)
                if not await self._may_go_on():
                    return
            else:
                self._note(intent, State.ACKNOWLEDGED, order_id=order_id, acknowledged_after_ms=self._after_boundary())
                return

    async def _send(self, intent: Intent, gate: Gate) -> tuple[Intent, Awaitable[Answer]]:
        await self.line.open()
        await self._keep_pace()
        await gate.passed()
        return self._write(intent)

    def _write(self, intent: Intent) -> tuple[Intent, Awaitable[Answer]]:
        answer = self.line.write(self.payloads[intent.intent_id])
        self.sent_s.append(self.timer.now_ns() / NS)
        return self._note(intent, State.PLANNED, sent_after_ms=self._after_boundary()), answer

    async def _answered(self, answer: Awaitable[Answer], line: Line) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        except TimeoutError:
            line.close()
            message = "no answer in time"
            raise Unknown(message) from None

    async def _keep_pace(self) -> None:
        """Wait until the broker's and the exchange's limits for one account let another order leave."""
        now_s = self.timer.now_ns() / NS
        await asyncio.sleep(self.broker.capability.orders.wait_s(self.sent_s, now_s, self.share.of))

    async def _look_up(self, intent: Intent, failure: Unknown) -> None:
        self._note(intent, State.UNKNOWN, reason=failure.text, doubted=True)
        for wait in LOOKUPS_S:
            await asyncio.sleep(wait)
            await self.read_book()
            if self.intents[intent.intent_id].state is not State.UNKNOWN:
                return

    def _hear(self, failure: BrokerFailure) -> None:
        self.session_died = self.session_died or isinstance(failure, SessionExpired)

    async def _booked(self) -> dict[str, BookedOrder]:
        await self.book_line.open()
        answer = await self._answered(self.book_line.write(self.book_payload), self.book_line)
        return {order.tag: order for order in self.broker.orders(answer)}

    def _adopt(self, booked: dict[str, BookedOrder]) -> None:
        for intent in self.intents.values():
            order = booked.get(intent.tag)
            if order is not None:
                self._note(
                    intent,
                    BOOKED[order.status],
                    order_id=order.order_id,
                    filled_quantity=order.filled,
                    average_price=order.average_price,
                    reason=order.refusal or order.reason,
                )

    def _note(self, intent: Intent, state: State, **facts: object) -> Intent:
        now = self.intents[intent.intent_id].became(state, **facts)
        self.intents[intent.intent_id] = now
        return now

    def _after_boundary(self) -> Decimal:
        return milliseconds(self.timer.now_ns() - self.boundary_ns)


def milliseconds(duration_ns: int) -> Decimal:
    """To the microsecond."""
    return (Decimal(duration_ns) / 1_000_000).quantize(Decimal("0.001"))


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
