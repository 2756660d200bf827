"""One shard of a run: unlock, connect, prepare, wait for the boundary, fire, settle, report.

It may die anywhere and be started again: tickets are stored before anything is sent, the lease says who may send,
and whoever takes over reads the brokers' books before it sends what is missing.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from quantleap.domain import telling
from quantleap.domain.account import Session
from quantleap.domain.basket import Basket
from quantleap.domain.clock import IST
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.execution import FAULT, Decision, Lease, Report, Share, State, Ticket, Venue
from quantleap.domain.runs import report_of
from quantleap.domain.subscription import Status
from quantleap.services import roster
from quantleap.services.broker_accounts import mark_login_required
from quantleap.services.desk import Desk, Errand, Name
from quantleap.services.gate import NS, SETTLE, Fenced, Gate, from_ns, to_ns
from quantleap.services.hindsight import channel_of, look_again
from quantleap.services.isolation import Spared, note
from quantleap.services.lookout import Lookout, Unwatched
from quantleap.services.roster import UNREADABLE, Hours, name
from quantleap.services.trader import Opening, Trader
from quantleap.services.urgent import LEASE, at_once

ANOTHER_DAY = "run_of_another_day"
"""What a run did not send on its day it never sends."""

TOGETHER_S = 2.0
"""How long accounts that are through wait for others before they are settled: while most still send, writing would
only be in their way."""

SETTLING = timedelta(seconds=40)
"""Before a worker's process is gone: whatever still hangs is left off then, so that all can be stored and told."""


class Unsettled(Exception):
    """What became of some tickets could not be stored; the report tells of them as incomplete."""


class Served(NamedTuple):
    """What a worker did: the report it stored, the tickets it is made of, and the brokers it took out."""

    report: Report
    tickets: Sequence[Ticket]
    taken_out: Sequence[Venue] = ()


class Warm(NamedTuple):
    """What lies ready for the boundary: tickets that have their last word, and a trader for each of the others.

    Of `unreadable` tickets of the entry an exit knows nothing but that they are there.
    """

    decision: Decision
    done: Sequence[Ticket]
    traders: Sequence[Trader]
    unlocked_at: datetime
    unreadable: int


async def serve(desk: Desk, errand: Errand) -> Served:
    """Do the shard's part of the run and tell what became of it.

    Raises `Conflict` when another worker may still be alive, and `Fenced` when one took over; neither has sent
    or stored anything after that. Raises `Unsettled` once all is told that could be.
    """
    now = from_ns(desk.timer.now_ns())
    lease = await asyncio.to_thread(
        desk.runs.take_lease, errand.run_id, errand.shard, errand.holder, errand.attempt, now, errand.ends
    )
    lookout = Lookout(desk.halts, desk.timer, errand.template_id, f"{errand.run_id}/{errand.shard}")
    warm = await _warm(desk, errand, lease, lookout)
    await _take_up(desk, errand, warm, lease)
    await _last_look(desk, errand, warm, lookout)
    settled = await _fire(desk, errand, warm, lease, lookout)
    served = await _report(desk, errand, warm, [*warm.done, *settled])
    await lookout.tags.halted()
    return served._replace(taken_out=sorted(lookout.tags.taken_out))


async def _report(desk: Desk, errand: Errand, warm: Warm, tickets: Sequence[Ticket]) -> Served:
    """Store the report; raises after it where tickets could not be settled, for the next attempt may be able to."""
    closing = errand.closes is not None
    unwinding = telling.unwinding(warm.decision, closing=closing)
    report = report_of([tickets], unwinding, closing=closing, unreadable=warm.unreadable)
    await asyncio.to_thread(desk.runs.report, errand.run_id, errand.shard, report)
    if unsettled := [ticket.name for ticket in tickets if not ticket.settled]:
        raise Unsettled(unsettled)
    return Served(report, tickets)


async def _warm(desk: Desk, errand: Errand, lease: Lease, lookout: Lookout) -> Warm:
    """Everything that can be done before the boundary: tickets stored, tokens unlocked, connections open."""
    decision, brokers = await asyncio.gather(
        asyncio.to_thread(desk.plans.decision, errand.run_id, errand.plan_id),
        asyncio.to_thread(desk.brokers.as_they_stand),
    )
    desk = desk._replace(brokers=brokers)  # nothing on the event loop waits for the table
    drafts, before, unreadable = await _drafts(desk, errand, decision)
    wanted = [ticket for ticket in drafts if errand.closes or not ticket.settled]
    unlocked_at = from_ns(desk.timer.now_ns())
    accounts, sessions = await asyncio.gather(
        asyncio.to_thread(desk.accounts.many, {name(ticket) for ticket in wanted}), roster.sessions(desk, wanted)
    )
    hours = Hours(errand.boundary, decision.leaves_at)
    ready = [_untold(roster.checked(desk, t, accounts, sessions, hours), errand) for t in drafts]
    tickets, lost = await _stored(desk, errand, lease, [t.served_under(lease.token) for t in ready])
    traders = _traders(desk, errand, tickets, sessions, lookout, lease)
    for trader in traders:
        trader.channel.before_s = before.get(trader.ticket.name, ())
        trader.asks_positions = roster.asks_positions(errand, decision, trader.ticket)
    joining = asyncio.to_thread(_join, desk, errand, [trader.ticket for trader in traders])
    await asyncio.gather(joining, *map(_connect, traders))
    trading = {trader.ticket.name for trader in traders}
    stranded = [_strand(t, lease, sessions) for t in tickets if not (t.settled or t.name in trading)]
    done = [*lost, *(t for t in tickets if t.settled), *await _settle(desk, errand, decision, stranded)]
    return Warm(decision, done, traders, unlocked_at, unreadable)


class Stored(NamedTuple):
    """Tickets as stored, and those that could not be, which nobody trades.

    One of the latter of which a worker before may have sent orders has no last word.
    """

    tickets: Sequence[Ticket]
    lost: Sequence[Ticket] = ()


async def _stored(desk: Desk, errand: Errand, lease: Lease, tickets: Sequence[Ticket]) -> Stored:
    """Store tickets; where none can be that is raised."""
    try:
        return Stored(await asyncio.to_thread(desk.runs.write_tickets, tickets))
    except Conflict:
        raise
    except Exception:
        found = await asyncio.gather(*(asyncio.to_thread(_stored_alone, desk, errand, ticket) for ticket in tickets))
        if not any(found):
            raise
        lost = [ticket.skip(FAULT) for each, ticket in zip(found, tickets, strict=True) if each is None]
        told = lost if lease.armed_until is None else [ticket.reopened() for ticket in lost]
        return Stored([each for each in found if each is not None], told)


def _stored_alone(desk: Desk, errand: Errand, ticket: Ticket) -> Ticket | None:
    """The ticket as stored, without its orders where it cannot be stored with them; None where it cannot at all."""
    for each in (ticket, _untold(ticket.skip(FAULT), errand)):
        with Spared(ticket):
            return desk.runs.write_tickets([each])[0]
    return None


def _join(desk: Desk, errand: Errand, tickets: Sequence[Ticket]) -> None:
    """Note who trades at the accounts; one that cannot be noted keeps to the limits as if it were alone."""
    try:
        desk.runs.join(tickets, errand.boundary)
    except Exception:  # noqa: BLE001 - found out below whose it is
        for ticket in tickets:
            with Spared(ticket):
                desk.runs.join([ticket], errand.boundary)


async def _connect(trader: Trader) -> None:
    """Whatever is wrong with the connection, the first send finds it out again."""
    with Spared(trader.ticket):
        await trader.channel.connect()


class Drafts(NamedTuple):
    """Every ticket as it is before the account is looked at, and of an exit when orders left before it, by name.

    `unreadable` tickets of the entry are in none of them.
    """

    tickets: Sequence[Ticket]
    before: Mapping[str, Sequence[float]] = {}
    unreadable: int = 0


async def _drafts(desk: Desk, errand: Errand, decision: Decision) -> Drafts:
    if errand.closes is None:
        return Drafts(await asyncio.to_thread(roster.entries, desk, errand, decision))
    claims, unreadable = await asyncio.to_thread(roster.claims, desk, errand)
    seen = await look_again(desk, errand, claims)
    before = {claim.entry.name: [at.timestamp() for at in claim.sends] for claim in seen}
    return Drafts(await asyncio.to_thread(roster.exits, desk, errand, decision, seen), before, unreadable)


def _untold(ticket: Ticket, errand: Errand) -> Ticket:
    """An exit that is not sent leaves something open: it is settled together with what is told of it."""
    return ticket.reopened() if errand.closes and ticket.skipped and ticket.left_open else ticket


def _tradable(ticket: Ticket, sessions: Mapping[Name, Session]) -> bool:
    return not (ticket.settled or ticket.skipped) and name(ticket) in sessions


def _strand(ticket: Ticket, lease: Lease, sessions: Mapping[Name, Session]) -> Ticket:
    """End a ticket nobody can trade: skipped, its token gone since an earlier attempt stored it, or it faulted."""
    state = State.NOT_SENT if lease.armed_until is None else State.UNKNOWN
    reason = FAULT if name(ticket) in sessions else UNREADABLE
    intents = tuple(intent.became(state, reason=reason) for intent in ticket.intents)
    return ticket.with_intents(intents, settled=True)


def _traders(
    desk: Desk,
    errand: Errand,
    tickets: Iterable[Ticket],
    sessions: Mapping[Name, Session],
    lookout: Lookout,
    lease: Lease,
) -> list[Trader]:
    """One for each ticket that can be traded."""
    made: list[Trader] = []
    for ticket in tickets:
        if _tradable(ticket, sessions):
            with Spared(ticket):
                made.append(_trader(desk, errand, ticket, sessions[name(ticket)], lookout, lease))
    return made


def _trader(desk: Desk, errand: Errand, ticket: Ticket, session: Session, lookout: Lookout, lease: Lease) -> Trader:
    channel = channel_of(desk, errand, ticket, session)
    boundary_ns, late = to_ns(errand.boundary), _lateness(desk, lease)
    turn_s = channel.broker.capability.admission_wait_s(ticket.turn, len(ticket.intents))
    trader = Trader(
        ticket=ticket,
        channel=channel,
        timer=desk.timer,
        boundary_ns=boundary_ns,
        ends_ns=to_ns(errand.ends - SETTLING),
        opens_ns=boundary_ns + turn_s * NS,
        begins_within_ns=None if errand.closes else to_ns(errand.boundary + late) - boundary_ns,
        lookout=Unwatched(lookout.tags) if errand.closes else lookout,
        closes=errand.closes is not None,
    )
    trader.prepare()
    return trader


async def _take_up(desk: Desk, errand: Errand, warm: Warm, lease: Lease) -> None:
    """Go on where an earlier worker ended, on the run's own day: another day's book shows nothing of it."""
    if _day(from_ns(desk.timer.now_ns())) <= _day(errand.boundary):
        if lease.armed_until is not None:
            await _recover(desk, warm.traders, lease.armed_until)
        return
    for trader in warm.traders:
        if lease.armed_until is None:
            trader.skip(ANOTHER_DAY)
        else:
            trader.leave_to_its_day(ANOTHER_DAY)


def _day(moment: datetime) -> date:
    return moment.astimezone(IST).date()


async def _recover(desk: Desk, traders: Sequence[Trader], armed_until: datetime) -> None:
    """Wait until the worker before us can have nothing on its way any more, then learn what it placed."""
    await desk.timer.until(to_ns(armed_until + SETTLE))
    for step in (Trader.recover, Trader.confirm):
        await asyncio.gather(*(_one(trader, step) for trader in traders))


async def _one(trader: Trader, step: Callable[[Trader], Awaitable[None]]) -> None:
    with _ending(trader, State.UNKNOWN):
        await step(trader)


def _ending(trader: Trader, state: State = State.NOT_SENT) -> Spared:
    """After a fault nothing more is placed for the account; what was not written becomes `state`."""
    return Spared(trader.ticket, partial(trader.leave_off, FAULT, state))


async def _last_look(desk: Desk, errand: Errand, warm: Warm, lookout: Lookout) -> None:
    """See who else trades at the same accounts, and honour what changed since the plan."""
    await desk.timer.until(to_ns(errand.boundary - desk.timing.last_look))
    tickets = [trader.ticket for trader in warm.traders]
    shares, _ = await asyncio.gather(
        asyncio.to_thread(desk.runs.shares, tickets, errand.boundary), _look(desk, errand, warm, lookout)
    )
    for trader in warm.traders:
        with _ending(trader):
            trader.among(shares.get(trader.ticket.name, Share()))
            trader.channel.freshen(trader.pending)


async def _look(desk: Desk, errand: Errand, warm: Warm, lookout: Lookout) -> None:
    """Turn away whom a halt, a pause, a cancellation, a login that ended or a withdrawn template keeps from entering.

    An exit closes what is open whatever was halted, paused or withdrawn since.
    """
    if errand.closes:
        return
    tickets = [trader.ticket for trader in warm.traders]
    basket, statuses, accounts, _ = await asyncio.gather(
        asyncio.to_thread(desk.baskets.get, errand.template_id),
        asyncio.to_thread(desk.subscriptions.statuses, {(t.user_id, t.subscription_id) for t in tickets}),
        asyncio.to_thread(desk.accounts.many, {name(ticket) for ticket in tickets}),
        lookout.look(),
    )
    hours = Hours(errand.boundary, warm.decision.leaves_at)
    for trader in warm.traders:
        with _ending(trader):
            reason = (
                lookout.stops(trader.ticket)
                or _withdrawn_because(basket, errand)
                or _inactive_because(statuses.get(trader.ticket.subscription_id))
                or roster.not_ready_because(trader.ticket, accounts, hours)
            )
            if reason is not None and trader.untouched:
                trader.skip(reason)


def _withdrawn_because(basket: Basket, errand: Errand) -> str | None:
    if basket.marketplace is None:
        return "template_withdrawn"
    return None if basket.live_version == errand.version else "template_version_moved"


def _inactive_because(status: str | None) -> str | None:
    return None if status == Status.ACTIVE else f"subscription_{(status or 'missing').lower()}"


async def _fire(desk: Desk, errand: Errand, warm: Warm, lease: Lease, lookout: Lookout) -> Sequence[Ticket]:
    """Send at the boundary and see everybody through; returns the tickets, settled.

    Raises `Fenced`, or a group of what went wrong with the lease and the store, for the next attempt to go on from.
    """
    gate = Gate(desk.timer, partial(_renew, desk, errand, lease))
    await gate.arm(errand.boundary)
    watch = asyncio.create_task(lookout.keep_looking())
    with _nothing_collected():
        await desk.timer.until(to_ns(errand.boundary))
        _turn_away_the_late(desk, errand, lease, warm.traders)
        openings = [_open_fire(trader) if gate.is_open else None for trader in warm.traders]
    keeper = asyncio.create_task(gate.keep_open())
    trades = (_trade(desk, warm, *each, gate) for each in zip(warm.traders, openings, strict=True))
    try:
        return await _see_through(desk, errand, warm, trades)
    finally:
        keeper.cancel()
        watch.cancel()
        for trader in warm.traders:
            with Spared(trader.ticket):
                trader.channel.hang_up()


def _open_fire(trader: Trader) -> Opening | None:
    try:
        return trader.open_fire()
    except Exception as fault:  # noqa: BLE001 - the others' orders are due at this instant
        note(trader.ticket, fault)
        trader.leave_off(FAULT)
        return None


async def _see_through(
    desk: Desk, errand: Errand, warm: Warm, trades: Iterable[Coroutine[None, None, None]]
) -> Sequence[Ticket]:
    """Settle accounts as they end, those that end about the same time together: none waits for one that hangs."""
    tasks = {asyncio.ensure_future(trade): trader for trade, trader in zip(trades, warm.traders, strict=True)}
    waiting, settled, faults = set(tasks), list[Ticket](), list[BaseException]()
    while waiting:
        over, waiting = await asyncio.wait(waiting, timeout=TOGETHER_S)
        outcomes = {task: task.exception() for task in over}
        faults += [fault for fault in outcomes.values() if fault is not None]
        tickets = [tasks[task].settled() for task, fault in outcomes.items() if fault is None]
        try:
            settled += await _settle(desk, errand, warm.decision, tickets)
        except Fenced as fault:  # raised once the others are through
            faults.append(fault)
    if any(isinstance(fault, Fenced) for fault in faults):
        raise Fenced
    if faults:
        raise BaseExceptionGroup("some accounts' orders were not seen to their end", faults)
    return settled


async def _trade(desk: Desk, warm: Warm, trader: Trader, opening: Opening | None, gate: Gate) -> None:
    """Trade one account; that its login turned out to be dead is noted at once, so nobody relies on it again."""
    trading = _ending(trader)
    with trading:
        await trader.trade(gate, opening)
    with Spared(trader.ticket):
        if trading.faulted:
            await trader.conclude(gate)
        await _note_login(desk, warm, trader)


async def _note_login(desk: Desk, warm: Warm, trader: Trader) -> None:
    if trader.channel.session_died:
        with suppress(NotFound):  # deleted meanwhile
            try:
                await asyncio.to_thread(mark_login_required, desk.accounts, *name(trader.ticket), warm.unlocked_at)
            except Conflict as fault:  # the account changes all the time, which says nothing of who serves the shard
                note(trader.ticket, fault)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from walking through all that was prepared: it takes longer than the sending."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _renew(desk: Desk, errand: Errand, lease: Lease, until: datetime) -> None:
    await at_once(LEASE, desk.leases.arm, errand.run_id, errand.shard, lease.token, until)


def _turn_away_the_late(desk: Desk, errand: Errand, lease: Lease, traders: Iterable[Trader]) -> None:
    """A worker that woke late enters nobody; one that took over what was begun has longer to complete it.

    An exit is never too late.
    """
    if errand.closes:
        return
    if desk.timer.now_ns() <= to_ns(errand.boundary + _lateness(desk, lease)):
        return
    for trader in traders:
        if trader.untouched:
            trader.skip("worker_late")
        else:
            trader.give_up("worker_late")


def _lateness(desk: Desk, lease: Lease) -> timedelta:
    """How late an account may still be entered: longer where a worker before may have begun, for it held the lease."""
    return desk.timing.max_lateness if lease.armed_until is None else desk.timing.recovery


async def _settle(desk: Desk, errand: Errand, decision: Decision, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
    """Store what became of tickets, each together with what others need to hear of it; raises `Fenced`.

    One that cannot be stored comes back without its last word.
    """
    closing = errand.closes is not None
    of_ticket = partial(
        telling.of_ticket, decision=decision, boundary=errand.boundary, closing=closing, tries=errand.tries
    )

    def settle(ticket: Ticket) -> Ticket:
        with Spared(ticket):
            desk.runs.settle(ticket, of_ticket(ticket))
            return ticket
        return ticket.reopened()

    writes = (asyncio.to_thread(settle, ticket) for ticket in tickets)
    settled = await asyncio.gather(*writes, return_exceptions=True)
    if any(isinstance(each, Conflict) for each in settled):
        raise Fenced
    return [_unless_raised(each) for each in settled]


def _unless_raised[T](outcome: T | BaseException) -> T:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
