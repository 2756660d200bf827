"""Judges a world as a trading desk would: the broker's truth beside what was stored and told."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.faulty import Act, FaultyBroker, Truth, filled
from quantleap.domain.capabilities import Budget
from quantleap.domain.events import EventType, Happening
from quantleap.domain.execution import Intent, State, Ticket
from quantleap.domain.trading import Side

HALTED_WITHIN_S = 1.0
PLACED = {State.FILLED: True, State.CANCELLED: True, State.REFUSED: False, State.NOT_SENT: False}
"""What a last word says of whether the broker took the order; a rejected one it may only have turned away."""

TOLERANCE_S = 1e-5
"""Virtual time is kept to the microsecond, and rounded."""


class Verdict(NamedTuple):
    """How often each thing happened that must not; `fault_...` of the figures."""

    duplicates: int = 0
    """A second order with an intent's tag."""
    lost: int = 0
    """An intent without a last word, or whose last word is certain and wrong; an order that no intent knows."""
    silent: int = 0
    """A position that stands half, open or otherwise than stored, and that nobody was told of."""
    naked: int = 0
    """A sell that left before its strategy's buys were filled, on the way in or out."""
    early: int = 0
    """An order that left before its boundary."""
    hasty: int = 0
    """An order or cancellation beyond an account's limits."""
    unhalted: int = 0
    """An order of an entry that left more than a second after a halt."""
    reversed: int = 0
    """A leg of which more was closed than opened."""

    def plus(self, other: "Verdict") -> "Verdict":
        """Both together."""
        return Verdict(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Played(NamedTuple):
    """What there is to judge: every ticket of the entry and its exits, and what was told.

    `boundaries` are by run, in seconds since 1970; `halted_at` is when all trading was halted, `entry` the run that
    this stops.
    """

    broker: FaultyBroker
    tickets: Sequence[Ticket]
    told: Iterable[Happening]
    boundaries: Mapping[str, float]
    budget: Budget
    entry: str
    halted_at: float | None = None


def judged(played: Played) -> Verdict:
    """Everything that must not happen, counted."""
    placed = list(played.broker.orders)
    units, by_tag = filled(placed), defaultdict[str, list[Truth]](list)
    for order in placed:
        by_tag[order.tag].append(order)
    owners = {intent.tag: ticket for ticket in played.tickets for intent in ticket.intents}
    return Verdict(
        duplicates=sum(len(orders) - 1 for orders in by_tag.values()),
        lost=sum(_lost(intent, ticket, units, by_tag) for ticket in played.tickets for intent in ticket.intents)
        + len(by_tag.keys() - owners.keys()),
        silent=sum(1 for _ in _silent(played, units)),
        naked=sum(_naked(order, owners, by_tag) for order in placed),
        early=sum(act.at < played.boundaries[owners[act.tag].run_id] for act in _known(played, owners)),
        hasty=_hasty(played),
        unhalted=sum(_unhalted(act, owners[act.tag], played) for act in _known(played, owners)),
        reversed=sum(1 for _ in _reversed(played, units)),
    )


def _known(played: Played, owners: Mapping[str, Ticket]) -> Iterator[Act]:
    return (act for act in played.broker.acts if act.tag in owners)


def _lost(intent: Intent, ticket: Ticket, units: Mapping[str, int], by_tag: Mapping[str, list[Truth]]) -> bool:
    """Whether an intent has no last word, or a certain one that is not what happened."""
    if not ticket.settled or intent.state is State.PLANNED:
        return True
    if intent.state.uncertain:
        return False
    placed = intent.tag in by_tag
    return intent.filled_quantity != units[intent.tag] or PLACED.get(intent.state, placed) is not placed


def _silent(played: Played, units: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Tickets that nobody was told of: stored otherwise than it is, or the last that traded what is still open."""
    told = {
        (each.data["run_id"], each.data["subscription_id"])
        for each in played.told
        if each.type is EventType.POSITION_INCOMPLETE
    }
    by_subscription = defaultdict[str, list[Ticket]](list)
    for ticket in sorted(played.tickets, key=lambda each: played.boundaries[each.run_id]):
        by_subscription[ticket.subscription_id].append(ticket)
    for subscription, tickets in by_subscription.items():
        wrong = {each.run_id for each in tickets if any(i.filled_quantity != units[i.tag] for i in each.intents)}
        traded = [each for each in tickets if each.intents]
        last = {(traded or tickets)[-1].run_id} if any(_net(tickets, units).values()) else set[str]()
        yield from ((run, subscription) for run in wrong | last if (run, subscription) not in told)


def _net(tickets: Iterable[Ticket], units: Mapping[str, int]) -> Mapping[str, int]:
    """Units by contract that are open once everything is over."""
    net = defaultdict[str, int](int)
    for intent in (intent for ticket in tickets for intent in ticket.intents):
        net[intent.symbol] += units[intent.tag] if intent.side is Side.BUY else -units[intent.tag]
    return net


def _naked(order: Truth, owners: Mapping[str, Ticket], by_tag: Mapping[str, list[Truth]]) -> bool:
    """Whether a sell left before all buys of its strategy in its run were filled, by the broker's truth."""
    ticket = owners.get(order.tag)
    if ticket is None:
        return False
    mine = next(intent for intent in ticket.intents if intent.tag == order.tag)
    buys = [each for each in ticket.intents if each.strategy == mine.strategy and each.side is Side.BUY]
    return mine.side is Side.SELL and any(
        sum(each.filled(order.sent_at) for each in by_tag.get(buy.tag, ())) < buy.quantity for buy in buys
    )


def _hasty(played: Played) -> int:
    """Calls that came sooner than the account's limits allow, whoever made them."""
    made, count = defaultdict[str, list[float]](list), 0
    for act in sorted(played.broker.acts):
        count += played.budget.wait_s(made[act.account], act.at) > TOLERANCE_S
        made[act.account].append(act.at)
    return count


def _unhalted(act: Act, ticket: Ticket, played: Played) -> bool:
    return (
        played.halted_at is not None
        and ticket.run_id == played.entry
        and act.at > played.halted_at + HALTED_WITHIN_S + TOLERANCE_S
    )


def _reversed(played: Played, units: Mapping[str, int]) -> Iterator[str]:
    """Legs whose exits filled more than their entry."""
    opened, closed = defaultdict[tuple[str, str], int](int), defaultdict[tuple[str, str], int](int)
    for ticket in played.tickets:
        for intent in ticket.intents:
            of = opened if ticket.run_id == played.entry else closed
            of[ticket.subscription_id, intent.symbol] += units[intent.tag]
    return (symbol for (who, symbol), count in closed.items() if count > opened[who, symbol])
