"""How a run would fare, looked at half an hour before: early enough to log in, late enough to be true."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple, Self

from quantleap.domain.events import EventType, Happening, event_id
from quantleap.domain.execution import Due, Seat
from quantleap.domain.model import Model

AHEAD = timedelta(minutes=30)
"""A user needs minutes to log in, and brokers' lists of contracts are there before the first boundary's look."""

MOST_NAMED = 2000
"""Accounts named in an outlook: with more it would not fit into an item of the table."""


class Rehearsal(Model):
    """A run's outlook for one tenant: subscriptions that are ready, and how many each reason keeps from trading.

    `venues` are those nobody could trade at, with the reason: a list of contracts that is missing, or lacks what the
    template is certain to ask for. `accounts` (`{subscription}#{client}`) are those whose broker, asked early, would
    not take the orders; of many the first.
    """

    run_id: str
    boundary: datetime
    template_id: str
    template_version: int
    tenant: str
    rehearsed_at: datetime
    subscriptions: int
    ready: int
    reasons: dict[str, int]
    venues: dict[str, str] = {}
    accounts: dict[str, str] = {}


class Verdict(NamedTuple):
    """A seat, and by client id what stands in the way of its accounts; of one that is ready nothing does.

    `asked` is the part of it that a broker said.
    """

    seat: Seat
    reasons: Mapping[str, str]
    asked: Mapping[str, str] = {}

    def heard(self, asked: Mapping[str, str]) -> Self:
        """The verdict with what brokers said of its accounts."""
        return self._replace(reasons={**asked, **self.reasons}, asked=asked)


def add_up(due: Due, verdicts: Iterable[Verdict], venues: Mapping[str, str], at: datetime) -> list[Rehearsal]:
    """One outlook for each tenant that has a seat."""
    by_tenant: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_tenant[verdict.seat.tenant].append(verdict)
    return [
        Rehearsal(
            run_id=due.run_id,
            boundary=due.boundary,
            template_id=due.template_id,
            template_version=due.version,
            tenant=tenant,
            rehearsed_at=at,
            subscriptions=len(each),
            ready=sum(not verdict.reasons for verdict in each),
            reasons=dict(Counter(reason for verdict in each for reason in set(verdict.reasons.values()))),
            venues=dict(venues),
            accounts=dict(islice(_named(each), MOST_NAMED)),
        )
        for tenant, each in by_tenant.items()
    ]


def _named(verdicts: Iterable[Verdict]) -> Iterator[tuple[str, str]]:
    for verdict in verdicts:
        for client, reason in verdict.asked.items():
            yield f"{verdict.seat.subscription_id}#{client}", reason


def told(rehearsal: Rehearsal) -> Happening:
    """The outlook as its tenant hears of it."""
    kind = EventType.EXECUTION_REHEARSED
    return Happening(
        event_id=event_id(kind, f"{rehearsal.run_id}/{rehearsal.tenant}"),
        type=kind,
        tenant=rehearsal.tenant,
        occurred_at=rehearsal.rehearsed_at,
        data=rehearsal.model_dump(mode="json", exclude={"tenant", "accounts"}),
    )
