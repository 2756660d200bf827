"""Who of a shard is to trade at which account, and why the others are not."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import NamedTuple

from quantleap.domain import closing, planning, square_off
from quantleap.domain.account import BrokerAccount, Session
from quantleap.domain.broker import Broker
from quantleap.domain.closing import Claim
from quantleap.domain.errors import Unavailable
from quantleap.domain.execution import FAULT, Decision, Seat, State, Ticket
from quantleap.domain.ids import day_of
from quantleap.domain.readiness import in_the_way
from quantleap.domain.subscription import Status
from quantleap.domain.trading import Product
from quantleap.services.desk import Desk, Errand, Name
from quantleap.services.isolation import Spared

UNREADABLE = "broker_session_unreadable"
"""The account logged in, and the token cannot be had from the vault."""


class Hours(NamedTuple):
    """When an account is needed: at the boundary, and again when it leaves, where it is to leave."""

    enters: datetime
    leaves: datetime | None = None


ENDED_BY_BROKER = "intraday_ended_by_broker"
"""Of an exit: what it was to close was over with its day."""

READERS = 16
"""Threads that look up what earlier exits closed."""


def entries(desk: Desk, errand: Errand, decision: Decision) -> list[Ticket]:
    """Every ticket of an entry's shard as the plan has it."""
    seats = desk.plans.seats(errand.run_id, errand.plan_id, errand.shard)
    return _as_drawn(errand, (ticket for seat in seats for ticket in _seated(decision, seat, errand.shard)))


def _as_drawn(errand: Errand, tickets: Iterable[Ticket]) -> list[Ticket]:
    """In the order the run has drawn."""
    return sorted(tickets, key=lambda ticket: planning.draw(errand.run_id, ticket.subscription_id))


def _seated(decision: Decision, seat: Seat, shard: int) -> list[Ticket]:
    turns = seat.turns or (0,) * len(seat.allocations)
    alone = (seat._replace(allocations=(a,), turns=(turn,)) for a, turn in zip(seat.allocations, turns, strict=True))
    tickets = [_planned(decision, each, shard) for each in alone]
    if seat.status != Status.ACTIVE:
        return [ticket.skip(f"subscription_{seat.status.lower()}") for ticket in tickets]
    return tickets if seat.halted is None else [ticket.skip(seat.halted) for ticket in tickets]


def _planned(decision: Decision, alone: Seat, shard: int) -> Ticket:
    (refused,) = planning.tickets(decision.model_copy(update={"refusal": FAULT}), alone, shard)
    with Spared(refused):
        (ticket,) = planning.tickets(decision, alone, shard)
        return ticket
    return refused


class Claims(NamedTuple):
    """What an exit is to close, and how many tickets of the entry nobody can read."""

    found: Sequence[Claim]
    unreadable: int


def claims(desk: Desk, errand: Errand) -> Claims:
    """What an exit is to close: each ticket of the entry that placed orders, whatever became of its subscription."""
    entered = desk.runs.tickets(errand.closes or "", errand.shard, None)
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(partial(_claim, desk, errand), (ticket for ticket in entered.read if ticket.intents))
    return Claims([claim for claim in found if claim is not None], entered.unreadable)


def _claim(desk: Desk, errand: Errand, entry: Ticket) -> Claim | None:
    """What is to be closed of a ticket; None where the exit does not concern it."""
    with Spared(entry):
        return _found(desk, errand, entry) if closing.concerns(errand.only, entry, errand.template_id) else None
    return Claim(entry, refusal=FAULT)


def _found(desk: Desk, errand: Errand, entry: Ticket) -> Claim:
    claim = Claim(entry)
    for run_id in desk.runs.claim_exit(entry, errand.run_id):
        stored = desk.runs.ticket(run_id, entry.shard, entry.tenant, entry.name)
        claim = claim.with_unwritten(desk.runs.plan(run_id).due) if stored is None else claim.with_earlier(stored)
    return claim


def exits(desk: Desk, errand: Errand, decision: Decision, claimed: Iterable[Claim]) -> list[Ticket]:
    """Every ticket of an exit's shard."""
    return _as_drawn(errand, (_leaving(desk, errand, decision, claim) for claim in claimed))


def _leaving(desk: Desk, errand: Errand, decision: Decision, claim: Claim) -> Ticket:
    halves = errand.only == closing.INCOMPLETE
    over = day_of(errand.closes or errand.run_id) != day_of(errand.run_id)
    with Spared(claim.entry):
        ticket = closing.ticket(decision, _standing_in(desk, decision, claim, halves=halves), halves=halves)
        return _without_intraday(ticket) if over else ticket
    return closing.ticket(decision, claim._replace(refusal=FAULT))


def _without_intraday(ticket: Ticket) -> Ticket:
    """An exit on a later day than its entry: a broker ends intraday positions itself, a second end would open one."""
    if ticket.skipped:
        return ticket
    intents = tuple(
        each.became(State.NOT_SENT, reason=ENDED_BY_BROKER) if each.product is Product.INTRADAY else each
        for each in ticket.intents
    )
    left = any(intent.state is State.PLANNED for intent in intents)
    return ticket.with_intents(intents, settled=False) if left else ticket.skip(ENDED_BY_BROKER)


def asks_positions(errand: Errand, decision: Decision, ticket: Ticket) -> bool:
    """Whether an exit has to see first what is left: its broker may have begun to close intraday positions itself."""
    begun = square_off.may_have_begun(decision.square_offs, ticket.broker_id, errand.boundary)
    return errand.closes is not None and begun


def _standing_in(desk: Desk, decision: Decision, claim: Claim, *, halves: bool) -> Claim:
    """The claim once it is clear what becomes of earlier exits that have no ticket yet: they may have died before.

    Where this exit can and will close all that such a one was to close, the other gets a ticket that is settled, so
    that it can send nothing any more. Otherwise it keeps its right, and this exit waits for it.
    """
    ours = {order.strategy for order in decision.orders}
    for run_id, theirs in claim.unwritten.items():
        if halves or not theirs <= ours or any(map(claim.blocked_because, theirs)):
            claim = claim.waiting_for(theirs)
        elif theirs:
            claim = claim.with_earlier(desk.runs.adopt_ticket(closing.superseded(claim.entry, run_id)))
    return claim


def checked(
    desk: Desk,
    ticket: Ticket,
    accounts: Mapping[Name, BrokerAccount],
    sessions: Mapping[Name, Session],
    hours: Hours,
) -> Ticket:
    """The ticket, skipped when its account cannot trade at the boundary, or not leave what it enters."""
    if ticket.settled:
        return ticket
    reason: str | None = FAULT
    with Spared(ticket):
        reason = not_ready_because(ticket, accounts, hours) or _unserved_because(desk, ticket)
        if reason is None and name(ticket) not in sessions:
            reason = UNREADABLE
    return ticket if reason is None else ticket.skip(reason)


async def sessions(desk: Desk, tickets: Iterable[Ticket]) -> Mapping[Name, Session]:
    """Sessions of tickets' accounts; one that faults when it is read is absent, and keeps nobody else's.

    Raises what the vault raised where it has none for anybody.
    """
    wanted = {name(ticket): ticket for ticket in tickets}
    try:
        return await asyncio.to_thread(desk.vault.sessions, wanted.keys())
    except Unavailable:  # it asked for each alone by itself
        raise
    except Exception:
        alone = await asyncio.gather(*(asyncio.to_thread(_session, desk, ticket) for ticket in wanted.values()))
        found = {account: session for each in alone for account, session in each.items()}
        if not found:
            raise
        return found


def _session(desk: Desk, ticket: Ticket) -> Mapping[Name, Session]:
    with Spared(ticket):
        return desk.vault.sessions([name(ticket)])
    return {}


def _unserved_because(desk: Desk, ticket: Ticket) -> str | None:
    """What its broker does not offer: another product must not stand in, and a turn may come too late."""
    offers = broker(desk, ticket).capability
    if any(intent.product not in offers.products for intent in ticket.intents):
        return "product_not_offered_at_broker"
    wait = offers.admission_wait_s(ticket.turn, len(ticket.intents))
    return "broker_admission_full" if wait > desk.timing.admission.total_seconds() else None


def broker(desk: Desk, ticket: Ticket) -> Broker:
    """The broker of a ticket, the real one or the simulated."""
    return desk.brokers.broker(*ticket.venue)


def not_ready_because(ticket: Ticket, accounts: Mapping[Name, BrokerAccount], hours: Hours) -> str | None:
    """Why the account of a ticket cannot trade in those hours, or None."""
    account = accounts.get(name(ticket))
    mine = account if account is not None and account.tenant == ticket.tenant else None
    return in_the_way(mine, hours.enters, hours.leaves or hours.enters)


def name(ticket: Ticket) -> Name:
    """The user and the client id of a ticket's account."""
    return (ticket.user_id, ticket.client_id)
