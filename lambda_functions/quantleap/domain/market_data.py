"""Dated facts of the exchange and of the brokers, each with its source: read by the day they are asked about.

What was shipped is the floor (`shipped.py`). What an administrator writes lies over it, row by row: a row replaces the
one of the same subject and day, and any other is added.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from quantleap.domain.broker_id import BrokerId
from quantleap.domain.clock import ClockTime
from quantleap.domain.indexes import ExpiryType, Index
from quantleap.domain.model import NUMBER, READABLE, Model, Whole

SATURDAY = 5
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI")

Source = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200), READABLE]
Paise = Annotated[Decimal, Field(gt=0, le=1000, decimal_places=2), NUMBER]


class DataKind(StrEnum):
    """What is kept by date; each is read and written as one list of rows."""

    SESSIONS = "sessions"
    SESSION_COVERAGE = "session-coverage"
    SESSION_HOURS = "session-hours"
    EXPIRY_RULES = "expiry-rules"
    LOT_SIZES = "lot-sizes"
    FREEZE_QUANTITIES = "freeze-quantities"
    TICKS = "ticks"
    STRIKE_STEPS = "strike-steps"
    SQUARE_OFF_HOURS = "square-off-hours"
    BROKER_LIMITS = "broker-limits"


class SessionKind(StrEnum):
    """What sort of session a day holds."""

    REGULAR = "regular"
    SPECIAL = "special"
    """On a day that would else be closed, such as a Budget Sunday."""
    MUHURAT = "muhurat"
    """Diwali's ceremonial hour: trades are real, but contracts do not expire in it."""
    CLOSED = "closed"
    """A holiday: no session at all."""


class Hours(NamedTuple):
    """IST wall times of one session; `closes` is the first instant outside it."""

    opens: time
    closes: time


class Row(Model, defer_build=True):
    """A fact from a day on. `source` says who published it; one that is not `confirmed` warns and never refuses."""

    source: Source
    confirmed: StrictBool = True

    @property
    def since(self) -> date:
        """The first day it holds."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """What it is about; empty where there is one subject only."""
        return ""


class Dated(Row):
    """A row that holds until the next one of its subject."""

    effective_from: date

    @property
    def since(self) -> date:
        """The first day it holds."""
        return self.effective_from


class SessionDay(Row):
    """A day that is not as its weekday says. Special sessions and Muhurat name their hours once they are known."""

    day: date
    kind: SessionKind
    opens: ClockTime | None = None
    closes: ClockTime | None = None

    @model_validator(mode="after")
    def _hours_fit(self) -> Self:
        if (self.opens is None) != (self.closes is None):
            raise ValueError("give opens and closes, or neither")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise ValueError("closes must come after opens")
        if self.kind in {SessionKind.CLOSED, SessionKind.REGULAR} and self.opens is not None:
            raise ValueError(f"a {self.kind} day has no hours of its own")
        return self

    @property
    def since(self) -> date:
        """The day itself."""
        return self.day

    @property
    def hours(self) -> Hours | None:
        """Its own hours, where it has any."""
        return None if self.opens is None or self.closes is None else Hours(self.opens, self.closes)


class SessionCoverage(Dated):
    """That the exchange has published every holiday from a day up to and including another."""

    until: date

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.until < self.effective_from:
            raise ValueError("until must not come before effective_from")
        return self


class SessionHours(Dated):
    """The continuous session of equity derivatives on regular days."""

    opens: ClockTime
    closes: ClockTime

    @model_validator(mode="after")
    def _closes_later(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("closes must come after opens")
        return self


class OfIndex(Dated):
    """A fact about an index."""

    index: Index

    @property
    def subject(self) -> str:
        """The index."""
        return self.index


class ExpiryRule(OfIndex):
    """The weekday and the series of contracts that expire from a day on."""

    weekday: Literal["MON", "TUE", "WED", "THU", "FRI"]
    series: tuple[ExpiryType, ...] = Field(min_length=1, max_length=2)


class LotSize(OfIndex):
    """Units in a lot of the contracts that expire from a day on."""

    lot_size: Whole = Field(ge=1, le=100_000)


class FreezeQuantity(OfIndex):
    """The most units of one order sent from a day on."""

    freeze_quantity: Whole = Field(ge=1, le=10_000_000)


class Tick(OfIndex):
    """The smallest step of an option's price."""

    tick: Paise


class StrikeStep(OfIndex):
    """The distance between neighbouring strikes."""

    step: Paise


class OfBroker(Dated):
    """A fact about a broker."""

    broker_id: BrokerId

    @property
    def subject(self) -> str:
        """The broker."""
        return self.broker_id


class SquareOffHour(OfBroker):
    """From when on, on a regular day, a broker closes intraday positions itself."""

    at: ClockTime


class Limit(Model):
    """At most so many calls in so many seconds."""

    calls: Whole = Field(ge=1, le=100_000)
    seconds: Whole = Field(ge=1, le=86_400)


class BrokerLimit(OfBroker):
    """How fast one account may place, change and cancel orders, and ask."""

    orders: tuple[Limit, ...] = Field(max_length=8)
    reads: tuple[Limit, ...] = Field(min_length=1, max_length=8)


ROWS: Mapping[DataKind, type[Row]] = {
    DataKind.SESSIONS: SessionDay,
    DataKind.SESSION_COVERAGE: SessionCoverage,
    DataKind.SESSION_HOURS: SessionHours,
    DataKind.EXPIRY_RULES: ExpiryRule,
    DataKind.LOT_SIZES: LotSize,
    DataKind.FREEZE_QUANTITIES: FreezeQuantity,
    DataKind.TICKS: Tick,
    DataKind.STRIKE_STEPS: StrikeStep,
    DataKind.SQUARE_OFF_HOURS: SquareOffHour,
    DataKind.BROKER_LIMITS: BrokerLimit,
}
"""What the rows of each kind are."""


class MarketData:
    """Every dated fact, by kind, subject and day; never changed once made."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Take the rows; of two of one subject and day the later one counts."""
        self._rows = {(type(row), row.subject, row.since): row for row in rows}
        by_subject: dict[tuple[type[Row], str], list[Row]] = defaultdict(list)
        for kind, subject, since in sorted(self._rows, key=lambda key: key[2]):
            by_subject[kind, subject].append(self._rows[kind, subject, since])
        self._by_subject: Mapping[tuple[type[Row], str], Sequence[Row]] = dict(by_subject)

    def over(self, rows: Iterable[Row]) -> "MarketData":
        """These facts with others laid over them."""
        return MarketData([*self._rows.values(), *rows])

    def in_force[R: Row](self, kind: type[R], subject: str, on: date) -> R | None:
        """The row of a subject that holds on a day; None before the first."""
        rows = reversed(self._by_subject.get((kind, subject), ()))
        return next((row for row in rows if isinstance(row, kind) and row.since <= on), None)

    def by_day[R: Row](self, kind: type[R]) -> Mapping[tuple[str, date], R]:
        """Every row of a kind by its subject and day."""
        return {(row.subject, row.since): row for row in self._rows.values() if isinstance(row, kind)}

    def rows[R: Row](self, kind: type[R]) -> list[R]:
        """Every row of a kind, by subject and day."""
        found = [row for row in self._rows.values() if isinstance(row, kind)]
        return sorted(found, key=lambda row: (row.subject, row.since))

    def day(self, day: date) -> SessionDay | None:
        """What is said of a day by name."""
        row = self._rows.get((SessionDay, "", day))
        return row if isinstance(row, SessionDay) else None

    @property
    def first_day(self) -> date:
        """The first day whose session is known."""
        return self.rows(SessionCoverage)[0].effective_from

    @property
    def last_day(self) -> date:
        """The last day whose session is confirmed."""
        return max(row.until for row in self.rows(SessionCoverage))

    @property
    def last_provisional_day(self) -> date:
        """The last day that is taken for what its weekday says: the end of the year after."""
        return date(self.last_day.year + 1, 12, 31)


type Reading = Callable[[], MarketData]
"""Gives the dated facts as they are now; rules take one, as they take a clock."""
