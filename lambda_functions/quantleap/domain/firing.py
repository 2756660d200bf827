"""When templates fire next: their entries and exits over the sessions to come, and how far sessions are known."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from quantleap.domain.basket import Basket, Day, Strategy
from quantleap.domain.clock import IST
from quantleap.domain.execution import Kind
from quantleap.domain.sessions import Calendar, Session

FURTHEST = timedelta(days=366)
"""How far ahead is looked where sessions never end."""

SOON = timedelta(weeks=6)
"""How long before the table of sessions ends somebody has to be told; NSE publishes a year in the December before."""


class Firing(NamedTuple):
    """Strategies of a template that enter or leave at a boundary, in the version that is live on that day."""

    at: datetime
    kind: Kind
    template_id: str
    name: str
    version: int
    strategies: tuple[int, ...]


def firings(baskets: Sequence[Basket], calendar: Calendar, now: datetime) -> Iterator[Firing]:
    """Every firing after now, soonest first, until the sessions known end.

    An exit is the one of the version live on its day; what entered earlier that day leaves by its own version.
    """
    for session in sessions(calendar, now):
        today = (firing for basket in baskets for firing in _on(basket.as_of(session.day), session))
        yield from sorted(firing for firing in today if firing.at > now)


def sessions(calendar: Calendar, now: datetime) -> Iterator[Session]:
    """The session of today, over or not, and those after it that are known."""
    today = now.astimezone(IST).date()
    for day in _days(today, min(calendar.last_day, today + FURTHEST)):
        session = calendar.session(day)
        if session is not None:
            yield session


def _on(basket: Basket, session: Session) -> Iterable[Firing]:
    """What a basket does in a session: entries that have their way out in it too, and these ways out."""
    found: dict[tuple[datetime, Kind], tuple[int, ...]] = {}
    for number, strategy in enumerate(basket.strategies):
        if Day.of(session.opens) not in strategy.days or not fits(strategy, session):
            continue
        for kind, minute in ((Kind.ENTRY, strategy.entry_time), (Kind.EXIT, strategy.exit_time)):
            at = _at(session, minute)
            found[at, kind] = (*found.get((at, kind), ()), number)
    for (at, kind), numbers in found.items():
        yield Firing(at, kind, basket.basket_id, basket.name, basket.live_version, numbers)


def fits(strategy: Strategy, session: Session) -> bool:
    """Whether a session holds both ends of a strategy: what could not be closed in it is not opened in it."""
    return all(session.holds(_at(session, minute)) for minute in (strategy.entry_time, strategy.exit_time))


def _at(session: Session, minute: time) -> datetime:
    return datetime.combine(session.day, minute, IST)


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


class Horizon(NamedTuple):
    """How far sessions are known: None where they never end; `warning` once that is weeks away."""

    last_day: date | None
    warning: str | None


def horizon(calendar: Calendar, now: datetime) -> Horizon:
    """How far sessions are known, and whether that is soon: past it nothing trades."""
    last = calendar.last_day
    if last == date.max:
        return Horizon(None, None)
    left = last - now.astimezone(IST).date()
    if left > SOON:
        return Horizon(last, None)
    ends = "ended" if left < timedelta(0) else "ends"
    return Horizon(last, f"The table of sessions {ends} on {last}: nothing trades after it until it is extended")
