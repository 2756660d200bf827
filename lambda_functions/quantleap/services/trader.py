"""One account's orders in a run: hedges first, each placed once, each seen to its end.

What is certainly not placed is tried again; what may have been placed is looked up by its tag and never sent
again; the sells of a strategy leave only when its hedges are filled, as the broker's book says; what rests unfilled is
taken back, so that nothing fills after the last word on it.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from quantleap.domain import square_off
from quantleap.domain.booking import Book, as_booked, as_booked_if_last, unless_lost
from quantleap.domain.broker import Answer, BrokerFailure, Position, SessionExpired, Unknown
from quantleap.domain.execution import Intent, Share, State, Ticket
from quantleap.domain.ports import Timer
from quantleap.domain.trading import Product, Side
from quantleap.services.belief import LOOKS_S, Belief, looks
from quantleap.services.channel import Channel
from quantleap.services.gate import NS, Gate
from quantleap.services.lookout import Lookout, Unwatched
from quantleap.services.retries import Retries
from quantleap.services.tags import SPOILT

RECOVERED_WITHIN_S = 14.0
"""A book that is not believed by then is not waited for; every broker's is watched for less."""

RESOLVED_WITHIN_S = 2 * RECOVERED_WITHIN_S
"""So long at most an account's last word waits for an order that nobody answered for."""

CANCELLATIONS = 3
"""How often what rests is taken back before it is left to an exit, and to whoever is told."""

UNREADABLE = "order_book_unreadable"


class Opening(NamedTuple):
    """An order that left at the boundary, its answer not yet here."""

    intent: Intent
    answer: Awaitable[Answer]


@dataclass(eq=False)
class Trader:
    """A ticket, and the channel it trades over.

    Buys are hedges on the way in, buybacks when it `closes`; either way the sells of a strategy wait for its buys.
    `lookout` says at any moment why no further order may leave. `opens_ns` is when the broker admits its first order,
    `begins_within_ns` how long after that it may still leave, `ends_ns` when all has to be over. One that
    `asks_positions` sends no more of what is intraday than the account still holds. `hidden` are orders that any look
    may have shown without their tags: a later one may leave out what an earlier one showed. `resent` are those that
    may have left more than once.
    """

    ticket: Ticket
    channel: Channel
    timer: Timer
    boundary_ns: int
    ends_ns: int
    lookout: Lookout | Unwatched
    opens_ns: int = 0
    begins_within_ns: int | None = None
    closes: bool = False
    asks_positions: bool = False
    of_another_day: bool = False
    intents: dict[str, Intent] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    resent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Whatever was stored before is where it begins."""
        self.intents = {intent.intent_id: intent for intent in self.ticket.intents}

    def prepare(self) -> None:
        """Leave nothing to compute for the boundary."""
        self.channel.prepare(self.ticket.intents)

    def among(self, share: Share) -> None:
        """Leave the others of the account their part of its limits."""
        self.channel.share = share
        limits = self.channel.broker.capability.orders
        free_s = limits.wait_s(self.channel.before_s, self.boundary_ns / NS, share.of)
        first_s = max(limits.begins_s(share.place), free_s)
        self.opens_ns = max(self.opens_ns, self.boundary_ns + int(first_s * NS))

    @property
    def pending(self) -> list[Intent]:
        """What is still to be placed, in order."""
        return [intent for intent in self.intents.values() if intent.state is State.PLANNED]

    @property
    def untouched(self) -> bool:
        """Whether no order of the ticket was placed yet, and none was given up."""
        return self.ticket.skipped is None and len(self.pending) == len(self.intents)

    def settled(self) -> Ticket:
        """The ticket as the run leaves it."""
        if self.ticket.skipped:
            return self.ticket
        return self.ticket.with_intents(tuple(self.intents.values()), settled=True)

    def skip(self, reason: str) -> None:
        """Place nothing, and say why."""
        self.ticket = self.ticket.skip(reason)
        self.intents = {}

    def give_up(self, reason: str, state: State = State.NOT_SENT) -> None:
        """End every order still to be placed with a reason."""
        self._end(self.pending, reason, state)

    def leave_to_its_day(self, reason: str) -> None:
        """End every order still to be placed, which may have left on the run's own day: today's book cannot tell."""
        self.give_up(reason, State.UNKNOWN)
        self.of_another_day = True

    def open_fire(self) -> Opening | None:
        """Write the first order that may leave now; whatever fails is left to `trade`."""
        first = next(iter(self._pending_of(Side.BUY) or self._hedged_sells()), None)
        held_back = self.asks_positions or self.opens_ns > self.boundary_ns
        if first is None or held_back or self.lookout.stops(self.ticket):
            return None
        try:
            return Opening(first, self._write(first))
        except BrokerFailure:
            return None

    async def trade(self, gate: Gate, opening: Opening | None) -> None:
        """Place what is pending and see it to its end."""
        await self._in_time(self._trade(gate, opening))

    async def conclude(self, gate: Gate) -> None:
        """Learn what became of what was sent, and take back what rests."""
        await self._in_time(self._conclude(gate))

    async def _in_time(self, work: Awaitable[None]) -> None:
        """Whatever hangs, by `ends_ns` every intent has a last known state."""
        limit = asyncio.timeout(max(0.0, (self.ends_ns - self.timer.now_ns()) / NS))
        try:
            async with limit:
                await work
        except TimeoutError:
            if not limit.expired():
                raise
            self.leave_off("broker_too_slow")

    def leave_off(self, reason: str, state: State = State.NOT_SENT) -> None:
        """End what is under way: what was written may have been placed; what was not becomes `state`."""
        sent = [intent for intent in self.pending if intent.sent_after_ms is not None]
        for intent in sent:
            self._note(intent, State.UNKNOWN, reason=reason, doubted=True)
        self.give_up(reason, state)

    async def _trade(self, gate: Gate, opening: Opening | None) -> None:
        if opening is not None:
            await self._place(opening.intent, gate, opening.answer)
        await self.timer.until(self.opens_ns)
        if self._pending_of(Side.BUY):
            await self._keep_to_positions()
        while buys := self._pending_of(Side.BUY):
            await self._place(buys[0], gate)
        await self._place_sells(gate)
        await self._conclude(gate)

    async def _keep_to_positions(self) -> None:
        """Make no order larger than what the account still holds; without its positions none leaves at all."""
        intraday = [each for each in self.pending if each.product is Product.INTRADAY]
        if not (self.asks_positions and intraday):
            return
        held = await self._positions()
        if held is None:
            self._end(intraday, square_off.UNKNOWN_POSITIONS)
            return
        self.intents = {each.intent_id: each for each in square_off.capped(self.intents.values(), held)}
        self.channel.prepare(self.pending)

    async def _positions(self) -> Sequence[Position] | None:
        """What the account holds; None where that cannot be read."""
        retries = Retries(f"{self.ticket.name}/positions")
        while True:
            try:
                return await self.channel.positions()
            except BrokerFailure as failure:
                wait = retries.wait_s(failure) if failure.retry else None
            if wait is None:
                return None
            await asyncio.sleep(wait)

    async def _place_sells(self, gate: Gate) -> None:
        """Let each strategy's sells leave once its hedges are filled, as the book says, and end those that may not.

        An accepted order is not a filled one, and a refusal for margin comes only in the book.
        """
        word, readable = "buyback" if self.closes else "hedge", True
        await self._place_hedged(gate)
        for wait in LOOKS_S:
            if not self._pending_of(Side.SELL):
                return
            await asyncio.sleep(wait)
            readable = await self.read_book()
            self._end([each for each in self._pending_of(Side.SELL) if self._lost_hedge(each)], f"{word}_failed")
            await self._place_hedged(gate)
        self._end(self._pending_of(Side.SELL), f"{word}_{'unfilled' if readable else 'unconfirmed'}")

    async def _place_hedged(self, gate: Gate) -> None:
        if self._hedged_sells():
            await self._keep_to_positions()
        while ready := self._hedged_sells():
            await self._place(ready[0], gate)

    def _hedged_sells(self) -> list[Intent]:
        return [each for each in self._pending_of(Side.SELL) if self._hedged(each)]

    def _hedged(self, sell: Intent) -> bool:
        return all(each.state is State.FILLED or each.squared_off for each in self._hedges(sell))

    def _lost_hedge(self, sell: Intent) -> bool:
        return not all(each.state.placed or each.squared_off for each in self._hedges(sell))

    def _hedges(self, sell: Intent) -> list[Intent]:
        """What has to be filled first: the buys of its strategy."""
        return [each for each in self.intents.values() if each.side is Side.BUY and each.strategy == sell.strategy]

    async def _conclude(self, gate: Gate) -> None:
        """Take back what still rests after the last look, and see what became of it and of what nobody answered for."""
        await self._watch()
        await self._take_back(gate)
        if self._unanswered and not self.of_another_day:
            await self._resolve()
            await self._take_back(gate)
        self._explain()

    async def _take_back(self, gate: Gate) -> None:
        for _ in range(CANCELLATIONS):
            resting = [each for each in self._uncertain if each.order_id is not None]
            if not resting or self.channel.session_died:
                break
            for intent in resting:
                await self.channel.cancel(intent, gate.passed)
            await self._watch()

    async def _resolve(self) -> None:
        """Look for orders that nobody answered for until they turn up, or the book may be believed without them."""
        belief = self._belief()
        with suppress(TimeoutError):
            async with asyncio.timeout(RESOLVED_WITHIN_S):
                for wait in looks():
                    if not self._unanswered or self.channel.session_died:
                        return
                    await asyncio.sleep(wait)
                    book = await self._adopt()
                    if book is not None and belief.holds(book, self.intents.values()):
                        self.intents = self._believed(book)
                        return

    def _believed(self, book: Book) -> dict[str, Intent]:
        return {name: unless_lost(each, book, self.hidden) for name, each in self.intents.items()}

    def _explain(self) -> None:
        """Brokers give no reason for what they were asked for."""
        for intent in list(self.intents.values()):
            if intent.state is State.CANCELLED and intent.reason is None:
                self._note(intent, State.CANCELLED, reason="unfilled_in_time")

    async def _watch(self) -> None:
        """Look until everything is certain, or long enough."""
        for wait in LOOKS_S:
            if not self._uncertain or self.channel.session_died:
                return
            await asyncio.sleep(wait)
            await self.read_book()

    @property
    def _unanswered(self) -> list[Intent]:
        return [each for each in self.intents.values() if each.state is State.UNKNOWN and each.order_id is None]

    @property
    def _uncertain(self) -> list[Intent]:
        return [intent for intent in self.intents.values() if intent.state.uncertain]

    async def _may_go_on(self) -> bool:
        """Whether another order may leave; if not, what is pending ends with the reason."""
        stopped = await self.lookout.asked(self.ticket)  # may take seconds, after which the entry window may be over
        reason = self._over_because() or stopped
        if reason is None:
            return True
        if self.untouched:
            self.skip(reason)
        else:
            self.give_up(reason)
        return False

    def _over_because(self) -> str | None:
        """Why the account is done with, whatever is halted or not."""
        if self.channel.session_died:
            return SessionExpired.reason
        late = self.begins_within_ns is not None and self.timer.now_ns() > self.opens_ns + self.begins_within_ns
        return "entry_window_over" if late and self.untouched else None

    async def recover(self) -> None:
        """Adopt what a predecessor placed; with no book to believe, nothing more may be sent.

        Everybody waits for the last to be recovered, so it has an end: sooner where a book is not even seen in time.
        """
        self.resent |= self.intents.keys()
        belief, ends_s = self._belief(), asyncio.get_running_loop().time() + RECOVERED_WITHIN_S
        seen_by_s = ends_s - self.channel.broker.capability.book.absent_after_s
        with suppress(TimeoutError):
            async with asyncio.timeout_at(seen_by_s) as limit:
                for wait in looks():
                    await asyncio.sleep(wait)
                    if await self._recovered(belief):
                        self._count_sent()
                        self._end_unhedged()
                        return
                    limit.reschedule(ends_s if belief.begun else seen_by_s)
        self.give_up(UNREADABLE, State.UNKNOWN)

    async def confirm(self) -> None:
        """Look once more, for others were waited for since; a book in which an order turns up only now is too late."""
        pending = self.pending
        if not (pending and await self.read_book()):
            return
        if len(self.pending) < len(pending):
            self.give_up(UNREADABLE, State.UNKNOWN)
        self._hold_back_what_may_be_there()
        self._end_unhedged()

    def _count_sent(self) -> None:
        """What left before counts in the account's pace; when it left in the run nobody knows."""
        sent = sum(intent.sent for intent in self.intents.values())
        self.channel.before_s = [*self.channel.before_s, *[self.boundary_ns / NS] * sent]

    def _belief(self) -> Belief:
        return Belief(self.timer, self.channel.broker.capability.book)

    async def _recovered(self, belief: Belief) -> bool:
        """Whether it is known of every order if it was placed."""
        book = await self._adopt()
        if book is None or (self.pending and not belief.holds(book, self.intents.values())):
            return False
        self._hold_back_what_may_be_there()
        return True

    def _hold_back_what_may_be_there(self) -> None:
        """An order that stands in the book without its tag may be one that is still to be placed: nobody can tell."""
        hidden = [intent for intent in self.pending if intent.intent_id in self.hidden]
        for intent in hidden:
            self._note(intent, State.UNKNOWN, reason=SPOILT, doubted=True)
        if hidden:
            self.lookout.tags.suspect(self.ticket)

    async def read_book(self) -> bool:
        """Bring every intent up to what the broker's book says; False when it cannot be read."""
        return await self._adopt() is not None

    async def _adopt(self) -> Book | None:
        try:
            booked = await self.channel.book()
        except BrokerFailure:
            return None
        if self.asks_positions:
            self.intents = {name: square_off.as_placed(each, booked) for name, each in self.intents.items()}
        self.intents = {name: self._as_booked(each, booked) for name, each in self.intents.items()}
        self.hidden |= booked.hidden(self.intents.values())
        if booked.spoils(self.intents.values()):
            self.lookout.tags.take_out(self.ticket.venue)
        return booked

    def _as_booked(self, intent: Intent, book: Book) -> Intent:
        return as_booked_if_last(intent, book) if intent.intent_id in self.resent else as_booked(intent, book)

    def _pending_of(self, side: Side) -> list[Intent]:
        return [intent for intent in self.pending if intent.side is side]

    def _end(self, intents: Iterable[Intent], reason: str, state: State = State.NOT_SENT) -> None:
        """Send none of them, and say why."""
        for intent in intents:
            self._note(intent, state, reason=reason)

    async def _place(self, intent: Intent, gate: Gate, answer: Awaitable[Answer] | None = None) -> None:
        await self._try(intent, gate, answer)
        self._end_unhedged()

    def _end_unhedged(self) -> None:
        """After a hedge that was not placed nothing else of its strategy is; a way out goes as far as it can."""
        if self.closes or self.channel.session_died:
            return
        buys = (each for each in self.intents.values() if each.side is Side.BUY and each.state is not State.PLANNED)
        lost = {each.strategy for each in buys if not each.state.placed}
        self._end([each for each in self.pending if each.strategy in lost], "hedge_failed")

    async def _try(self, intent: Intent, gate: Gate, answer: Awaitable[Answer] | None) -> None:
        retries = Retries(intent.intent_id)
        while True:
            try:
                answer = answer or await self._send(intent, gate)
                if answer is None:
                    return
                order_id = await self.channel.placed(answer)
            except Unknown as failure:
                await self._look_up(intent, failure)
                return
            except BrokerFailure as failure:
                wait = retries.wait_s(failure) if failure.retry else None
                if wait is None:
                    state = State.NOT_SENT if failure.retry else State.REFUSED
                    self._note(intent, state, reason=failure.reason, said=failure.text)
                    return
                answer = None
                self.resent.add(intent.intent_id)
                await asyncio.sleep(wait)
                if not await self._may_go_on():
                    return
            else:
                self._note(intent, State.ACKNOWLEDGED, order_id=order_id, acknowledged_after_ms=self._after_boundary())
                return

    async def _send(self, intent: Intent, gate: Gate) -> Awaitable[Answer] | None:
        """Write an order as soon as everything lets it leave; None when it may not any more.

        The last question is whether it may: nothing is waited for between that and the write.
        """
        await self.channel.ready()
        while True:
            await gate.passed()
            if not await self._may_go_on():
                return None
            if gate.is_open:
                return self._write(intent)

    def _write(self, intent: Intent) -> Awaitable[Answer]:
        try:
            answer = self.channel.write(intent)
        except BrokerFailure:
            raise
        except Exception:
            self._note_sent(intent)  # a fault of ours, and nobody knows how far it got
            raise
        self._note_sent(intent)
        return answer

    def _note_sent(self, intent: Intent) -> None:
        self._note(intent, State.PLANNED, sent_after_ms=self._after_boundary())

    async def _look_up(self, intent: Intent, failure: Unknown) -> None:
        """Ask the book for an order nobody answered for; where it does not answer either, send nothing more."""
        self._note(intent, State.UNKNOWN, reason=failure.reason, said=failure.text, doubted=True)
        readable = False
        for wait in LOOKS_S:
            await asyncio.sleep(wait)
            readable = await self.read_book() or readable
            if self.intents[intent.intent_id].state is not State.UNKNOWN:
                return
        if not readable:
            self.give_up(UNREADABLE)

    def _note(self, intent: Intent, state: State, **facts: object) -> None:
        self.intents[intent.intent_id] = self.intents[intent.intent_id].became(state, **facts)

    def _after_boundary(self) -> Decimal:
        return milliseconds(self.timer.now_ns() - self.boundary_ns)


def milliseconds(duration_ns: int) -> Decimal:
    """To the microsecond."""
    return (Decimal(duration_ns) / 1_000_000).quantize(Decimal("0.001"))
