"""What a run left behind whose workers all died: an exit takes its tickets over and gives them their last word.

Nothing of such a ticket is sent any more, by whoever: its lease is ours, and it is settled before anything is closed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from quantleap.domain import booking, telling
from quantleap.domain.closing import Claim
from quantleap.domain.errors import Conflict
from quantleap.domain.events import Happening
from quantleap.domain.execution import Decision, Due, Kind, Ticket
from quantleap.services.desk import Desk, Errand
from quantleap.services.gate import SETTLE, from_ns, to_ns
from quantleap.services.isolation import Spared


async def inherit(desk: Desk, errand: Errand, claims: Sequence[Claim]) -> Sequence[Claim]:
    """Claims with the tickets of dead runs as theirs left them, in our hands; not stored yet."""
    left: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in (each for claim in claims for each in claim.tickets if not each.settled):
        left[ticket.run_id].append(ticket)
    taken = await asyncio.gather(*(_take(desk, errand, *each) for each in left.items()))
    known = {(ticket.run_id, ticket.name): ticket for tickets in taken for ticket in tickets}
    return [claim.after(known) for claim in claims]


async def _take(desk: Desk, errand: Errand, run_id: str, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
    """Tickets taken from a worker that has to be gone; none while it may live, or where they cannot be taken.

    The holder's name is no execution's own, so this is never taken for a later attempt of the run itself.
    """
    mine, now = f"{errand.run_id}/{errand.holder}", from_ns(desk.timer.now_ns())
    with suppress(Conflict), Spared(tickets[0]):
        lease = await asyncio.to_thread(
            desk.runs.take_lease, run_id, errand.shard, mine, errand.attempt, now, errand.ends
        )
        held = await asyncio.to_thread(desk.runs.write_tickets, [each.served_under(lease.token) for each in tickets])
        if lease.armed_until is not None:
            await desk.timer.until(to_ns(lease.armed_until + SETTLE))
        return [booking.left_behind(each, may_have_sent=lease.armed_until is not None) for each in held]
    return ()


async def keep(desk: Desk, stored: Sequence[Claim], seen: Sequence[Claim]) -> Sequence[Claim]:
    """Store what is known now of tickets.

    One that a dead run left stays as it was where it cannot be stored, or somebody else serves it meanwhile.
    """
    changes = [
        (was, now)
        for before, after in zip(stored, seen, strict=True)
        for was, now in zip(before.tickets, after.tickets, strict=True)
        if was != now
    ]
    dues = await asyncio.to_thread(_dues, desk, [now for was, now in changes if not was.settled])
    kept = await asyncio.gather(*(asyncio.to_thread(_keep, desk, *each, dues) for each in changes))
    known = {(ticket.run_id, ticket.name): ticket for ticket in kept}
    return [claim.after(known) for claim in seen]


def _dues(desk: Desk, left: Iterable[Ticket]) -> dict[str, Due]:
    """What the runs of tickets were to do, by run; one of which nobody can say is absent."""
    dues: dict[str, Due] = {}
    for run_id, ticket in {ticket.run_id: ticket for ticket in left}.items():
        with Spared(ticket):
            dues[run_id] = desk.runs.plan(run_id).due
    return dues


def _keep(desk: Desk, was: Ticket, now: Ticket, dues: Mapping[str, Due]) -> Ticket:
    if was.settled:
        if now.certain:
            with Spared(now):
                desk.runs.learn(now)
        return now
    if (due := dues.get(now.run_id)) is None:
        return was
    with suppress(Conflict), Spared(now):
        desk.runs.settle(now, _told(now, due))
        return now
    return was


def _told(ticket: Ticket, due: Due) -> Sequence[Happening]:
    """What its own run would have told; what it left half is closed by the exit that found it."""
    nothing_unwinds = Decision(run_id=due.run_id, decided_at=due.boundary)
    return telling.of_ticket(ticket, nothing_unwinds, due.boundary, closing=due.kind is Kind.EXIT)
