"""One shard of a run: unlock, connect, prepare, wait for the boundary, fire, settle, report.

It may die anywhere and be started again: tickets are stored before anything is sent, the lease says who may send,
and whoever takes over reads the brokers' books before it sends what is missing.
"""

import asyncio
import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from quantleap.domain import closing, planning
from quantleap.domain.account import BrokerAccount, Session
from quantleap.domain.basket import Basket
from quantleap.domain.broker import Broker
from quantleap.domain.errors import Conflict
from quantleap.domain.execution import Decision, Lease, Report, Seat, State, Ticket, Timing
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import (
    Baskets,
    BrokerAccounts,
    Brokers,
    CredentialVault,
    Lines,
    PlanStore,
    Runs,
    Subscriptions,
    Timer,
)
from quantleap.domain.runs import report_of
from quantleap.domain.subscription import Status
from quantleap.services.gate import Fenced, Gate, from_ns, to_ns
from quantleap.services.trader import Trader

UNREADABLE = "broker_session_unreadable"
"""The account logged in, and the token cannot be had from the vault."""

READERS = 16
"""Threads that look up what earlier exits closed."""

SETTLE = timedelta(seconds=1)
"""After a predecessor's last possible send, how long an order may still be on its way into the book."""

type Name = tuple[str, str]
"""A user and a client id."""


class Desk(NamedTuple):
    """What a worker works with."""

    runs: Runs
    plans: PlanStore
    baskets: Baskets
    subscriptions: Subscriptions
    accounts: BrokerAccounts
    vault: CredentialVault
    brokers: Brokers
    lines: Lines
    timer: Timer
    timing: Timing


class Errand(NamedTuple):
    """Which shard to serve; `holder` and `attempt` say who asks, `ends` when that process will be gone.

    With `closes` it is an exit: the way back of that entry run.
    """

    run_id: str
    plan_id: str
    shard: int
    boundary: datetime
    template_id: str
    version: int
    closes: str | None
    holder: str
    attempt: int
    ends: datetime


async def serve(desk: Desk, errand: Errand) -> Report:
    """Do the shard's part of the run and return its report.

    Raises `Conflict` when another worker may still be alive, and `Fenced` when one took over; neither has sent
    or stored anything after that.
    """
    now = from_ns(desk.timer.now_ns())
    lease = await asyncio.to_thread(
        desk.runs.take_lease, errand.run_id, errand.shard, errand.holder, errand.attempt, now, errand.ends
    )
    done, traders = await _warm(desk, errand, lease)
    if lease.armed_until is not None:
        await _recover(desk, traders, lease.armed_until)
    await _last_look(desk, errand, traders)
    failures = await _fire(desk, errand, traders, lease)
    settled = await _settle(desk, [trader.settled() for trader in traders if trader not in failures])
    if failures:
        message = "some accounts' orders ended in a fault; the next attempt finds out what became of them"
        raise BaseExceptionGroup(message, list(failures.values()))
    report = report_of([[*done, *settled]])
    await asyncio.to_thread(desk.runs.report, errand.run_id, errand.shard, report)
    return report


async def _warm(desk: Desk, errand: Errand, lease: Lease) -> tuple[Sequence[Ticket], list[Trader]]:
    """Everything that can be done before the boundary: tickets stored, tokens unlocked, connections open.

    Returns the tickets that are settled already and a trader for each of the others.
    """
    decision = await asyncio.to_thread(desk.plans.decision, errand.run_id, errand.plan_id)
    drafts = await asyncio.to_thread(_exits if errand.closes else _entries, desk, errand, decision)
    names = {(ticket.user_id, ticket.client_id) for ticket in drafts if not ticket.settled}
    accounts, sessions = await asyncio.gather(
        asyncio.to_thread(desk.accounts.many, names), asyncio.to_thread(desk.vault.sessions, names)
    )
    ready = [_checked(desk, t, accounts, sessions, errand.boundary).served_under(lease.token) for t in drafts]
    tickets = await asyncio.to_thread(desk.runs.write_tickets, ready)
    traders = [_trader(desk, errand, ticket, sessions) for ticket in tickets if _tradable(ticket, sessions)]
    await asyncio.gather(*(trader.connect() for trader in traders))
    stranded = [_strand(t, lease) for t in tickets if not (t.settled or _tradable(t, sessions))]
    return [*(t for t in tickets if t.settled), *await _settle(desk, stranded)], traders


def _entries(desk: Desk, errand: Errand, decision: Decision) -> list[Ticket]:
    seats = desk.plans.seats(errand.run_id, errand.plan_id, errand.shard)
    return [ticket for seat in seats for ticket in _seated(decision, seat, errand.shard)]


def _seated(decision: Decision, seat: Seat, shard: int) -> list[Ticket]:
    tickets = planning.tickets(decision, seat, shard)
    if seat.status == Status.ACTIVE:
        return tickets
    return [ticket.skip(f"subscription_{seat.status.lower()}") for ticket in tickets]


def _exits(desk: Desk, errand: Errand, decision: Decision) -> list[Ticket]:
    """A ticket for each one the entry run placed orders for, whatever became of the subscription since."""
    entered = desk.runs.tickets(errand.closes or "", errand.shard, None)
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(partial(_exit, desk, decision), (each for each in entered if each.intents)))


def _exit(desk: Desk, decision: Decision, entry: Ticket) -> Ticket:
    before = desk.runs.claim_exit(entry, decision.run_id)
    earlier = [desk.runs.ticket(run_id, entry.shard, entry.tenant, entry.name) for run_id in before]
    return closing.ticket(decision, entry, earlier)


def _checked(
    desk: Desk,
    ticket: Ticket,
    accounts: Mapping[Name, BrokerAccount],
    sessions: Mapping[Name, Session],
    at: datetime,
) -> Ticket:
    """The ticket, skipped when its account cannot trade at the boundary."""
    if ticket.settled:
        return ticket
    reason = _not_ready_because(ticket, accounts, at) or _unoffered(desk, ticket)
    if reason is None and _name(ticket) not in sessions:
        reason = UNREADABLE
    return ticket if reason is None else ticket.skip(reason)


def _unoffered(desk: Desk, ticket: Ticket) -> str | None:
    """A broker that has no such product must not get the order as another one."""
    offered = _broker(desk, ticket).capability.products
    return None if all(intent.product in offered for intent in ticket.intents) else "product_not_offered_at_broker"


def _broker(desk: Desk, ticket: Ticket) -> Broker:
    return desk.brokers.broker(ticket.broker_id, Tenant.of(ticket.tenant).environment)


def _not_ready_because(ticket: Ticket, accounts: Mapping[Name, BrokerAccount], at: datetime) -> str | None:
    account = accounts.get(_name(ticket))
    if account is None or account.tenant != ticket.tenant:
        return "broker_account_missing"
    return account.not_ready_because(at)


def _name(ticket: Ticket) -> Name:
    return (ticket.user_id, ticket.client_id)


def _tradable(ticket: Ticket, sessions: Mapping[Name, Session]) -> bool:
    return not ticket.settled and _name(ticket) in sessions


def _strand(ticket: Ticket, lease: Lease) -> Ticket:
    """End a ticket that an earlier attempt stored and whose token has gone since: nobody can look it up."""
    state = State.NOT_SENT if lease.armed_until is None else State.UNKNOWN
    intents = tuple(intent.became(state, reason=UNREADABLE) for intent in ticket.intents)
    return ticket.with_intents(intents, settled=True)


def _trader(desk: Desk, errand: Errand, ticket: Ticket, sessions: Mapping[Name, Session]) -> Trader:
    broker = _broker(desk, ticket)
    session = sessions[_name(ticket)]
    line, book_url = desk.lines.line(broker.base_url), broker.order_book(session).base_url
    trader = Trader(
        ticket=ticket,
        broker=broker,
        session=session,
        line=line,
        book_line=line if book_url == broker.base_url else desk.lines.line(book_url),
        lines=desk.lines,
        timer=desk.timer,
        boundary_ns=to_ns(errand.boundary),
        buys="buyback" if errand.closes else "hedge",
    )
    trader.prepare()
    return trader


async def _recover(desk: Desk, traders: Sequence[Trader], armed_until: datetime) -> None:
    """Wait until the worker before us can have nothing on its way any more, then learn what it placed."""
    await desk.timer.until(to_ns(armed_until + SETTLE))
    await asyncio.gather(*(trader.recover() for trader in traders))


async def _last_look(desk: Desk, errand: Errand, traders: Sequence[Trader]) -> None:
    """Honour what changed since the plan: pauses, cancellations, logins that ended, a template withdrawn.

    An exit closes what is open whatever was paused or withdrawn since.
    """
    if errand.closes:
        return
    await desk.timer.until(to_ns(errand.boundary - desk.timing.last_look))
    tickets = [trader.ticket for trader in traders]
    basket, statuses, accounts = await asyncio.gather(
        asyncio.to_thread(desk.baskets.get, errand.template_id),
        asyncio.to_thread(desk.subscriptions.statuses, {(t.user_id, t.subscription_id) for t in tickets}),
        asyncio.to_thread(desk.accounts.many, {_name(ticket) for ticket in tickets}),
    )
    for trader in traders:
        reason = (
            _withdrawn_because(basket, errand)
            or _inactive_because(statuses.get(trader.ticket.subscription_id))
            or _not_ready_because(trader.ticket, accounts, errand.boundary)
        )
        if reason is not None and trader.untouched:
            trader.skip(reason)


def _withdrawn_because(basket: Basket, errand: Errand) -> str | None:
    if basket.marketplace is None:
        return "template_withdrawn"
    return None if basket.live_version == errand.version else "template_version_moved"


def _inactive_because(status: str | None) -> str | None:
    return None if status == Status.ACTIVE else f"subscription_{(status or 'missing').lower()}"


async def _fire(desk: Desk, errand: Errand, traders: Sequence[Trader], lease: Lease) -> dict[Trader, BaseException]:
    """Send at the boundary; returns the traders that ended in a fault, with it. Raises `Fenced`."""
    gate = Gate(desk.timer, partial(_renew, desk, errand, lease))
    await gate.arm(errand.boundary)
    with _nothing_collected():
        await desk.timer.until(to_ns(errand.boundary))
        _turn_away_the_late(desk, errand, traders)
        openings = [trader.open_fire() if gate.is_open else None for trader in traders]
    keeper = asyncio.create_task(gate.keep_open())
    trades = (trader.trade(gate, opening) for trader, opening in zip(traders, openings, strict=True))
    outcomes = await asyncio.gather(*trades, return_exceptions=True)
    keeper.cancel()
    for trader in traders:
        trader.hang_up()
    if any(isinstance(outcome, Fenced) for outcome in outcomes):
        raise Fenced
    return {t: o for t, o in zip(traders, outcomes, strict=True) if o is not None}


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from walking through all that was prepared: it takes longer than the sending."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _renew(desk: Desk, errand: Errand, lease: Lease, until: datetime) -> None:
    await asyncio.to_thread(desk.runs.arm, errand.run_id, errand.shard, lease.token, until)


def _turn_away_the_late(desk: Desk, errand: Errand, traders: Iterable[Trader]) -> None:
    """A worker that woke late enters nobody; one that took over has longer to complete what was begun.

    An exit is never too late.
    """
    if errand.closes:
        return
    allowed = desk.timing.recovery if errand.attempt else desk.timing.max_lateness
    if desk.timer.now_ns() <= to_ns(errand.boundary + allowed):
        return
    for trader in traders:
        if trader.untouched:
            trader.skip("worker_late")
        else:
            trader.give_up(State.NOT_SENT, "worker_late")


async def _settle(desk: Desk, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
    try:
        await asyncio.gather(*(asyncio.to_thread(desk.runs.settle, ticket) for ticket in tickets))
    except Conflict:
        raise Fenced from None
    return tickets
