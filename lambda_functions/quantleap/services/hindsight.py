"""What became of orders after the last word on them: an exit asks the books before it closes anything."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from quantleap.domain import booking
from quantleap.domain.account import Session
from quantleap.domain.booking import Book
from quantleap.domain.broker import BrokerFailure
from quantleap.domain.clock import IST
from quantleap.domain.closing import Claim
from quantleap.domain.execution import Ticket
from quantleap.domain.ids import day_of
from quantleap.services import roster
from quantleap.services.belief import Belief, looks
from quantleap.services.channel import Channel
from quantleap.services.desk import Desk, Errand, Name
from quantleap.services.gate import from_ns, to_ns
from quantleap.services.inheriting import inherit, keep
from quantleap.services.isolation import Spared, note

SEEN_WITHIN_S, SEEN_AT_LEAST_S = 12.0, 4.0
"""The others of the shard wait so long, and no longer, for an account whose broker hangs; less where little is left."""

LOOKS_TO_SPARE_S = 2.0
"""Beyond what a book that answers has to be watched for."""


def channel_of(desk: Desk, errand: Errand, ticket: Ticket, session: Session) -> Channel:
    """A ticket's way to its broker, not yet open."""
    broker = roster.broker(desk, ticket)
    line, book_url = desk.lines.line(broker.base_url), broker.order_book(session).base_url
    return Channel(
        broker=broker,
        session=session,
        line=line,
        book_line=line if book_url == broker.base_url else desk.lines.line(book_url),
        lines=desk.lines,
        timer=desk.timer,
        boundary_ns=to_ns(errand.boundary),
    )


async def look_again(desk: Desk, errand: Errand, claims: Sequence[Claim]) -> Sequence[Claim]:
    """Claims with what is known now of every order that was not filled whole when its run ended, or died; it is stored.

    Where a book cannot be read or believed an uncertain order stays so, and nothing of its strategy is closed.
    """
    inherited = await inherit(desk, errand, claims)
    return await keep(desk, claims, await _asked(desk, errand, inherited))


async def _asked(desk: Desk, errand: Errand, claims: Sequence[Claim]) -> Sequence[Claim]:
    today = from_ns(desk.timer.now_ns()).astimezone(IST).date()
    by_account: dict[Name, list[Ticket]] = defaultdict(list)
    for ticket in (each for claim in claims for each in claim.tickets if day_of(each.run_id) == today):
        by_account[roster.name(ticket)].append(ticket)  # a book shows the orders of its day alone
    asked = {name: tickets for name, tickets in by_account.items() if booking.worth_asking(tickets)}
    if not asked:
        return claims
    sessions = await _sessions(desk, [tickets[0] for tickets in asked.values()])
    readable = ((tickets, sessions[name]) for name, tickets in asked.items() if name in sessions)
    seen = await asyncio.gather(*(_look(desk, errand, *each) for each in readable))
    known = {(ticket.run_id, ticket.name): ticket for tickets in seen for ticket in tickets}
    return [claim.after(known) for claim in claims]


async def _sessions(desk: Desk, tickets: Sequence[Ticket]) -> Mapping[Name, Session]:
    """Sessions of accounts; where the vault has none the accounts stay in doubt, and the others leave."""
    try:
        return await roster.sessions(desk, tickets)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is the doubted accounts' own
        for ticket in tickets:
            note(ticket, fault)
        return {}


async def _look(desk: Desk, errand: Errand, tickets: Sequence[Ticket], session: Session) -> Sequence[Ticket]:
    """Tickets of one account as its book has them now, what rests taken back; as they were without a book."""
    with Spared(tickets[0]):
        return await _looked(desk, errand, tickets, session)
    return tickets


async def _looked(desk: Desk, errand: Errand, tickets: Sequence[Ticket], session: Session) -> Sequence[Ticket]:
    channel, started_s = channel_of(desk, errand, tickets[0], session), asyncio.get_running_loop().time()
    rule = channel.broker.capability.book
    belief, watched_s = Belief(desk.timer, rule), started_s + rule.absent_after_s + LOOKS_TO_SPARE_S
    hidden = set[str]()
    channel.prepare(())
    left_s = (errand.boundary - desk.timing.last_look - from_ns(desk.timer.now_ns())).total_seconds()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(SEEN_AT_LEAST_S, min(SEEN_WITHIN_S, left_s))) as limit:
                for wait in looks():
                    await asyncio.sleep(wait)
                    book = await _book(channel)
                    if book is None:
                        continue
                    limit.reschedule(max(limit.when() or 0, watched_s))
                    tickets = _seen(book, tickets, belief, hidden)
                    if not booking.doubted(tickets):
                        break
                    await _take_back(channel, tickets)
    finally:
        channel.hang_up()
    return tickets


async def _book(channel: Channel) -> Book | None:
    try:
        return await channel.book()
    except BrokerFailure:
        return None


def _seen(book: Book, tickets: Sequence[Ticket], belief: Belief, hidden: set[str]) -> Sequence[Ticket]:
    """Tickets after one more look, which adds to what is `hidden`: it may leave out what an earlier one showed."""
    seen = [booking.reread(ticket, book) for ticket in tickets]
    intents = [intent for ticket in seen for intent in ticket.intents]
    hidden |= book.hidden(intents)
    believed = belief.holds(book, intents)
    return [booking.without_lost(ticket, book, hidden) for ticket in seen] if believed else seen


async def _take_back(channel: Channel, tickets: Iterable[Ticket]) -> None:
    for intent in (intent for ticket in tickets for intent in ticket.intents):
        if intent.state.uncertain and intent.order_id is not None:
            await channel.cancel(intent, _at_once)


async def _at_once() -> None:
    """The runs that sent them are over: nobody else has a say."""
